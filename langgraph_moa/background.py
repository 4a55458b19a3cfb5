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
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from contextvars import ContextVar, copy_context
from typing import Any, Generic, TypeVar

from langgraph_moa.threads import DaemonThreads, in_thread

Result = TypeVar("Result")

_level: ContextVar[int] = ContextVar("langgraph_moa_background_level", default=0)
_loops: list[asyncio.AbstractEventLoop] = []
_lock = threading.Lock()
_PARTING_SECONDS = 0.25
"""For a cancelled run in a thread to write what it has; a function that cannot be cancelled is left behind."""


class Call(Generic[Result]):
    """A coroutine on a background loop, for the thread that waits for it.

    Unlike the future of `asyncio.run_coroutine_threadsafe`, a cancelled one is waited for until it has cleaned up.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Result], level: int) -> None:
        self.outcome: Future[Result] = Future()
        self._loop = _loop(level)
        self._task: asyncio.Task[Result] | None = None
        self._loop.call_soon_threadsafe(self._start, coroutine, level)

    def cancel(self) -> None:
        """Cancel the coroutine, from any thread."""
        self._loop.call_soon_threadsafe(self._cancel)

    def _start(self, coroutine: Coroutine[Any, Any, Result], level: int) -> None:
        _level.set(level + 1)
        self._task = self._loop.create_task(coroutine)
        self._task.add_done_callback(self._settle)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _settle(self, task: asyncio.Task[Result]) -> None:
        if task.cancelled():
            self.outcome.set_exception(CancelledError())
        elif (error := task.exception()) is not None:
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(task.result())


class Calls:
    """The coroutines that one synchronous run waits for in its threads, to be cancelled together."""

    def __init__(self, outer: Calls | None = None) -> None:
        self._outer = outer
        self._pending: set[Call[Any]] = set()
        self._is_cancelled = False
        self._lock = threading.Lock()

    def add(self, call: Call[Any]) -> None:
        """Take in a coroutine, here and in the run that this one is part of; a late one is cancelled at once."""
        if self._outer is not None:
            self._outer.add(call)
        with self._lock:
            self._pending.add(call)
            is_late = self._is_cancelled
        call.outcome.add_done_callback(lambda _: self._drop(call))
        if is_late:
            call.cancel()

    def cancel(self) -> None:
        """Cancel what is under way, and whatever this run still begins."""
        with self._lock:
            self._is_cancelled = True
            pending = list(self._pending)
        for call in pending:
            call.cancel()

    def _drop(self, call: Call[Any]) -> None:
        with self._lock:
            self._pending.discard(call)


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
    running = asyncio.ensure_future(in_thread(context.run, function, *arguments))
    running.add_done_callback(lambda done: done.cancelled() or done.exception())  # also where nobody waits any more
    try:
        return await asyncio.shield(running)
    finally:
        calls.cancel()
        await asyncio.wait([running], timeout=_PARTING_SECONDS)


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end on a background loop, in a copy of the caller's context.

    Raises:
        BaseException: Whatever the coroutine raises. An interrupt of the waiting thread cancels the coroutine; in the
            threads of a graph's nodes, `Calls.cancel` does.
    """
    calls = _calls.get()
    call = Call(coroutine, _level.get())
    try:
        if calls is not None:
            calls.add(call)
        return call.outcome.result()
    except BaseException:
        call.cancel()
        raise


def _begin_again() -> None:
    """Forget the loops in a forked child: their threads have stayed with the parent."""
    global _lock  # noqa: PLW0603 - it may have been held when the process forked
    _loops.clear()
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_again)


def _loop(level: int) -> asyncio.AbstractEventLoop:
    with _lock:
        while len(_loops) <= level:
            _loops.append(_started(len(_loops)))
        return _loops[level]


def _started(level: int) -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_default_executor(DaemonThreads())
    threading.Thread(target=_serve, args=(loop,), name=f"langgraph-moa-{level}", daemon=True).start()
    return loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop for ever. A task that asks the process to end stops it; that is for who waits for the task."""
    while True:
        with suppress(SystemExit, KeyboardInterrupt):
            loop.run_forever()
