"""Runs coroutines for synchronous callers on event loops that outlive the call.

A synchronous `invoke` so has the deadlines, the quorum and the cancellation of an asynchronous one, and HTTP
connections stay usable from call to call. A coroutine on such a loop may itself call a mixture synchronously:
it is served by a further loop, since its own is then blocked.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

Result = TypeVar("Result")

_level: ContextVar[int] = ContextVar("langgraph_moa_background_level", default=0)
_loops: list[asyncio.AbstractEventLoop] = []
_lock = threading.Lock()


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end on a background loop, in a copy of the caller's context.

    Raises:
        BaseException: Whatever the coroutine raises. An interrupt of the waiting thread cancels the coroutine.
    """
    level = _level.get()
    future = asyncio.run_coroutine_threadsafe(_at_level(level + 1, coroutine), _loop(level))
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def _at_level(level: int, coroutine: Coroutine[Any, Any, Result]) -> Result:
    _level.set(level)
    return await coroutine


def _loop(level: int) -> asyncio.AbstractEventLoop:
    with _lock:
        while len(_loops) <= level:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name=f"langgraph-moa-{len(_loops)}", daemon=True).start()
            _loops.append(loop)
        return _loops[level]
