"""llama.cpp in this process: one engine for each file and its settings, started once and shared."""

from __future__ import annotations

import atexit
import os
import secrets
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

from langgraph_moa.errors import MoAError
from langgraph_moa.extras import require
from langgraph_moa.gguf.settings import EngineSettings

_ERRORS_ALONE = 1
"""What llama.cpp prints on stderr."""
_CONNECTIONS = 64
"""An idle one keeps a thread of the engine's."""


class Engine(NamedTuple):
    """One that runs."""

    url: str
    """Of its API, on this machine; ends in `/v1`."""
    key: str
    """Without which it answers nobody: other users of the machine can reach the port."""
    name: str
    """Under which it serves the model: the file's, without its folder."""
    server: Any
    """llama.cpp's; it runs as long as this is held."""


_engines: dict[tuple[Path, EngineSettings], Future[Engine]] = {}
_of_parent: list[dict[tuple[Path, EngineSettings], Future[Engine]]] = []
"""Engines of the process that this one was forked from: their threads stayed there, and to end them here would hang."""
_lock = threading.Lock()


def engine_for(path: Path, settings: EngineSettings) -> Engine:
    """Return the engine that runs a file, and start it if need be, which takes as long as reading the file does.

    Raises:
        MissingDependencyError: llama.cpp is not installed.
        MoAError: The engine cannot load the file; why stands on stderr.
    """
    key = (path, settings)
    with _lock:
        found = _engines.get(key)
        starts = found is None
        future = _engines[key] = found or Future()
    if starts:
        try:
            future.set_result(_start(path, settings))
        except BaseException as error:  # noqa: BLE001 - whoever waits for it is told, and so is this caller
            with _lock:
                _engines.pop(key, None)
            future.set_exception(error)
    return future.result()


def end_all() -> None:
    """End every engine; what is under way on one fails."""
    with _lock:
        _engines.clear()


def _start(path: Path, settings: EngineSettings) -> Engine:
    llama = require("xllamacpp", extra="gguf")
    key = secrets.token_urlsafe(24)
    parameters = llama.CommonParams()
    parameters.model.path = str(path)
    parameters.model_alias = {path.name}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [key]
    parameters.ui = False
    parameters.n_parallel = settings.parallel
    parameters.n_ctx = settings.parallel * settings.context_size
    parameters.n_threads_http = _CONNECTIONS
    parameters.verbosity = _ERRORS_ALONE
    parameters.warmup = False
    if settings.threads is not None:
        parameters.cpuparams.n_threads = settings.threads
    if settings.gpu_layers is not None:
        parameters.n_gpu_layers = settings.gpu_layers
    try:
        server = llama.Server(parameters)
    except RuntimeError as error:
        msg = f"llama.cpp cannot load {path.name}: what it says stands on stderr. The file may be of a kind unknown"
        raise MoAError(f"{msg} to it, damaged, or too large for the memory; try a smaller context_size") from error
    return Engine(f"{server.listening_address}/v1", key, path.name, server)


def _leave_to_parent() -> None:
    """Begin anew in a process that was forked: a thread that is not here may hold the lock."""
    global _lock, _engines
    _of_parent.append(_engines)
    _lock, _engines = threading.Lock(), {}


atexit.register(end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
