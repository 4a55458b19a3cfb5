"""What every test may rely on: no provider key in the environment, no network but loopback, no settings of the user."""

from __future__ import annotations

import functools
import gc
import importlib
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest

os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"  # LangGraph reads it once, when it is imported

from langgraph_moa.testing import Simulator
from tests.children import children

__all__ = ["children"]
_KEYS = ("_API_KEY", "_BASE_URL", "_API_BASE")
_PREFIXES = ("LANGSMITH_", "LANGCHAIN_", "LANGGRAPH_MOA_PRESET", "LANGGRAPH_MOA_HOME")
_TERMINAL = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR")
_NOTEBOOKS = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
"""Folders that notebooks write into."""


def pytest_collection_finish() -> None:
    """Spare every later garbage collection the half a million objects that live as long as the session."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def types_read_once() -> Iterator[None]:
    """Read a class's annotations once: with strict msgpack, LangGraph does for each graph that is compiled."""
    with pytest.MonkeyPatch.context() as patch:
        with suppress(ImportError, AttributeError):  # LangGraph's own affair: without it, tests take longer
            serde = importlib.import_module("langgraph._internal._serde")
            patch.setattr(serde, "_safe_get_type_hints", functools.lru_cache(256)(serde._safe_get_type_hints))
        yield


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """Let children be interrupted, also where this process was started in the background, which ignores Ctrl-C.

    The handler is our own: for Python's, `asyncio.run` installs one that it takes milliseconds to put away again.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _interrupt)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove keys, endpoints, proxies and what shapes a terminal, and put the user's folders into a temporary one."""
    for name in list(os.environ):
        if name.endswith(_KEYS) or name.startswith(_PREFIXES) or name.lower().endswith("_proxy") or name in _TERMINAL:
            monkeypatch.delenv(name)
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    monkeypatch.setenv("LANGGRAPH_MOA_LOCAL", "off")
    monkeypatch.setenv("LANGGRAPH_MOA_HOME", str(tmp_path / "home"))
    for name in _NOTEBOOKS:
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Start a provider on 127.0.0.1; `simulator.requests` is what it was sent."""
    with Simulator() as running:
        yield running
