"""Runs coroutines for synchronous callers on event loops that outlive the call.

A synchronous `invoke` so has the deadlines, the quorum and the cancellation of an asynchronous one, and HTTP
connections stay usable from call to call. A coroutine on such a loop may itself call a mixture synchronously:
it is served by a further loop, since its own is then blocked.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

from langgraph_moa.threads import in_thread

Result = TypeVar("Result")

_level: ContextVar[int] = ContextVar("langgraph_moa_background_level", default=0)
_loops: list[asyncio.AbstractEventLoop] = []
_lock = threading.Lock()
_THREADS = 256
"""For synchronous functions among the models; the default of asyncio is a few more than there are cores."""


class Calls:
    """The coroutines that one synchronous run waits for in its threads, to be cancelled together."""

    def __init__(self, outer: Calls | None = None) -> None:
        self._outer = outer
        self._futures: set[Future[Any]] = set()
        self._is_cancelled = False
        self._lock = threading.Lock()

    def add(self, future: Future[Any]) -> None:
        """Take in a coroutine, here and in the run that this one is part of; a late one is cancelled at once."""
        if self._outer is not None:
            self._outer.add(future)
        with self._lock:
            self._futures.add(future)
            is_late = self._is_cancelled
        future.add_done_callback(self._futures.discard)
        if is_late:
            future.cancel()

    def cancel(self) -> None:
        """Cancel what is under way, and whatever this run still begins."""
        with self._lock:
            self._is_cancelled = True
            pending = list(self._futures)
        for future in pending:
            future.cancel()


_calls: ContextVar[Calls | None] = ContextVar("langgraph_moa_calls", default=None)


def calls_of_one_run() -> Calls:
    """Begin to collect the coroutines that are run from this context and its copies."""
    calls = Calls(_calls.get())
    _calls.set(calls)
    return calls


def is_serving() -> bool:
    """Say whether the running coroutine was begun for a synchronous caller."""
    return _level.get() > 0


async def in_synchronous_run(function: Callable[..., Result], *arguments: Any) -> Result:  # noqa: ANN401 - whatever it takes
    """Await a function that runs mixtures synchronously, in a thread; when cancelled, all their calls are.

    Raises:
        BaseException: Whatever the function raises.
    """
    context = copy_context()
    calls = context.run(calls_of_one_run)
    try:
        return await in_thread(context.run, function, *arguments)
    finally:
        calls.cancel()


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end on a background loop, in a copy of the caller's context.

    Raises:
        BaseException: Whatever the coroutine raises. An interrupt of the waiting thread cancels the coroutine; in the
            threads of a graph's nodes, `Calls.cancel` does.
    """
    level = _level.get()
    future = asyncio.run_coroutine_threadsafe(_at_level(level + 1, coroutine), _loop(level))
    calls = _calls.get()
    if calls is not None:
        calls.add(future)
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
