"""A process that has imported the heavy packages, and is forked for each program that a test runs.

An interpreter takes over two seconds to import LangGraph and a provider. A program forked from here is a process of its
own all the same, with its own arguments, folder, environment, files and end, `atexit` included; only its imports were
done before. What is about imports themselves, or about variables that a package reads when it is imported, is run by a
new interpreter instead.

Reads one request a line from its standard input, as JSON; writes the exit code of each, or null where it was killed.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

PRELOADED = (
    "langchain.agents",
    "langchain.chat_models",
    "langchain_openai",
    "langgraph.checkpoint.memory",
    "langgraph_moa.chat_model",
    "langgraph_moa.middleware",
    "langgraph_moa.offline.chat_models",
    "langgraph_moa.testing",
)


def main() -> None:
    """Fork for each request; the child leaves this loop and ends as an interpreter does."""
    for name in PRELOADED:
        importlib.import_module(name)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            become(request)
            return
        sys.stdout.write(f"{json.dumps(end_of(child, request['seconds']))}\n")
        sys.stdout.flush()


def end_of(child: int, seconds: float) -> int | None:
    """Return the exit code of a child; one that takes too long is killed."""

    def kill(*_: object) -> None:
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    _, status = os.waitpid(child, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def become(request: dict[str, Any]) -> None:
    """Be the program that is asked for."""
    for name, number in (("out", 1), ("err", 2)):
        file = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    if request["warnings"] == "error":
        warnings.simplefilter("error")
    program, *arguments = request["command"]
    sys.argv = [program, *arguments]
    if program.endswith(".py"):
        sys.path[0] = str(Path(program).parent)
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
