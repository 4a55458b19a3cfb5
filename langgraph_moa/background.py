"""Runs coroutines for synchronous callers on event loops that outlive the call.

A synchronous `invoke` so has the deadlines, the quorum and the cancellation of an asynchronous one, and HTTP
connections stay usable from call to call. A coroutine on such a loop may itself call a mixture synchronously:
it is served by a further loop, since its own is then blocked.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, TypeVar

Result = TypeVar("Result")

_level: ContextVar[int] = ContextVar("langgraph_moa_background_level", default=0)
_loops: list[asyncio.AbstractEventLoop] = []
_lock = threading.Lock()
_THREADS = 256
"""For synchronous functions among the models; the default of asyncio is a few more than there are cores."""


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end on a background loop, in a copy of the caller's context.

    Raises:
        BaseException: Whatever the coroutine raises. An interrupt of the waiting thread cancels the coroutine; where a
            synchronous graph runs its nodes in threads, Ctrl-C reaches the main thread only, and the run ends when its
            calls do, at the latest at their deadline.
    """
    level = _level.get()
    future = asyncio.run_coroutine_threadsafe(_at_level(level + 1, coroutine), _loop(level))
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _begin_again() -> None:
    """Forget the loops in a forked child: their threads have stayed with the parent."""
    global _lock  # noqa: PLW0603 - it may have been held when the process forked
    _loops.clear()
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_again)


async def _at_level(level: int, coroutine: Coroutine[Any, Any, Result]) -> Result:
    _level.set(level)
    return await coroutine


def _loop(level: int) -> asyncio.AbstractEventLoop:
    with _lock:
        while len(_loops) <= level:
            loop = asyncio.new_event_loop()
            loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="langgraph-moa-sync"))
            threading.Thread(target=loop.run_forever, name=f"langgraph-moa-{len(_loops)}", daemon=True).start()
            _loops.append(loop)
        return _loops[level]
