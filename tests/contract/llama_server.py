"""Runs llama.cpp's own server on a port that the kernel chooses, until its standard input ends.

Takes the model's file and the tokens of one request's context; prints the URL.
"""

from __future__ import annotations

import importlib
import sys

SERVED_MODEL = "noise"
PLACES = 8
"""Requests answered at a time."""
CONNECTIONS = 64
"""More than any test opens: an idle one keeps its thread, and a request without a thread waits for seconds."""


def main() -> None:
    """Serve the model that the command line names."""
    llama = importlib.import_module("xllamacpp")  # has no type annotations
    model, context = sys.argv[1:]
    parameters = llama.CommonParams()
    parameters.model.path = model
    parameters.model_alias = {SERVED_MODEL}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_parallel = PLACES
    parameters.n_ctx = PLACES * int(context)
    parameters.n_threads_http = CONNECTIONS
    parameters.cpuparams.n_threads = 1
    parameters.force_pure_content_parser = True
    parameters.warmup = False
    server = llama.Server(parameters)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
