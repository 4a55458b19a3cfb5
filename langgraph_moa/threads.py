"""Runs blocking functions beside an event loop, each in a daemon thread of its own.

The loop's own executor has few threads, and whoever hangs in one of them holds up every other mixture and the end of
the process. A thread of its own costs a tenth of a millisecond.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, TypeVar

Result = TypeVar("Result")


class Threads:
    """The threads that were begun for one request: they may go on when nobody waits for it any more."""

    def __init__(self) -> None:
        self._running = 0
        self._then: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Count a thread."""
        with self._lock:
            self._running += 1

    def end(self) -> None:
        """Count a thread out."""
        with self._lock:
            self._running -= 1
            then = None if self._running else self._then
        if then is not None:
            then()

    def when_ended(self, then: Callable[[], None]) -> None:
        """Call a function when the last thread has ended, perhaps from that thread; at once if none runs."""
        with self._lock:
            self._then = then
            is_over = not self._running
        if is_over:
            then()


_threads: ContextVar[Threads | None] = ContextVar("langgraph_moa_threads", default=None)


def threads_of_one_request() -> Threads:
    """Begin to count the threads that are begun from this context and its copies."""
    threads = Threads()
    _threads.set(threads)
    return threads


def start_thread(work: Callable[[], None]) -> None:
    """Run a function that raises nothing in a daemon thread."""
    threads = _threads.get()
    if threads is not None:
        threads.begin()

    def run() -> None:
        try:
            work()
        finally:
            if threads is not None:
                threads.end()

    threading.Thread(target=run, name="langgraph-moa-call", daemon=True).start()


class DaemonThreads(ThreadPoolExecutor):
    """An executor with a daemon thread for every function. An event loop takes none but a pool for its default."""

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:  # noqa: ANN401
        """Start a function."""
        future: Future[Result] = Future()
        start_thread(partial(_settle, future, partial(fn, *args, **kwargs)))
        return future


def _settle(future: Future[Result], function: Callable[[], Result]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - it is raised to the caller
        future.set_exception(error)
    else:
        future.set_result(result)


async def in_thread(function: Callable[..., Result], *arguments: Any) -> Result:  # noqa: ANN401 - whatever it takes
    """Await a blocking call, in a copy of the caller's context. When cancelled, its result is dropped when it comes.

    Raises:
        BaseException: Whatever the function raises.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()
    context = copy_context()

    def work() -> None:
        try:
            result = context.run(function, *arguments)
        except StopIteration as error:
            settle(outcome.set_exception, RuntimeError(f"the call raised {error!r}, which no future can hold"))
        except BaseException as error:  # noqa: BLE001 - it is raised to the caller
            settle(outcome.set_exception, error)
        else:
            settle(outcome.set_result, result)

    def settle(setter: Callable[[Any], None], value: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if outcome.done() else setter(value))

    start_thread(work)
    return await outcome
