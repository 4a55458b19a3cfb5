"""Claims about coroutines for synchronous callers."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

from langgraph_moa import background

variable: ContextVar[str] = ContextVar("variable", default="unset")


async def loop_and_thread() -> tuple[int, int]:
    """Return which loop and thread this runs in."""
    return id(asyncio.get_running_loop()), threading.get_ident()


def test_one_loop_serves_all_callers() -> None:
    """Calls from different threads run on one background loop, which is not the caller's thread."""
    places: list[tuple[int, int]] = []
    threads = [threading.Thread(target=lambda: places.append(background.run(loop_and_thread()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(places) == 4
    assert len(set(places)) == 1
    assert places[0][1] != threading.get_ident()


def test_errors_come_back() -> None:
    """What the coroutine raises is raised to the caller."""

    async def fail() -> None:
        raise ValueError("from the loop")

    with pytest.raises(ValueError, match="from the loop"):
        background.run(fail())


def test_context_travels() -> None:
    """Context variables of the caller are seen by the coroutine."""

    async def read() -> str:
        return variable.get()

    token = variable.set("of the caller")
    try:
        assert background.run(read()) == "of the caller"
    finally:
        variable.reset(token)


def test_a_coroutine_may_call_synchronously() -> None:
    """A coroutine on the loop that calls synchronously is served by a further loop, and so on down."""

    async def outer(depth: int) -> set[int]:
        here = {id(asyncio.get_running_loop())}
        return here | background.run(outer(depth - 1)) if depth else here

    assert len(background.run(outer(3))) == 4


def test_an_interrupt_cancels_the_coroutine() -> None:
    """When the waiting thread is interrupted, the interrupt is raised at once and the coroutine is cancelled."""
    cancelled = threading.Event()

    async def interrupt() -> None:
        while not is_waiting(threading.main_thread()):  # noqa: ASYNC110 - the other thread tells nobody that it waits
            await asyncio.sleep(0)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(KeyboardInterrupt):
        background.run(interrupt())
    assert cancelled.wait(5)


def test_the_calls_of_a_run_are_cancelled_together() -> None:
    """Cancelling a run ends what it waits for in every thread, and what it begins later."""
    begun = threading.Barrier(3)
    ended: list[type[BaseException] | None] = []

    def work() -> None:
        ended.append(error_of(wait_for_ever(begun)))

    def cancel_within() -> None:
        calls = background.calls_of_one_run()
        threads = [threading.Thread(target=copy_context().run, args=(work,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        begun.wait(5)
        calls.cancel()
        for thread in threads:
            thread.join(5)
        ended.append(error_of(asyncio.Event().wait()))

    copy_context().run(cancel_within)
    assert ended == [CancelledError] * 3


def test_cancelling_one_run_leaves_others_alone() -> None:
    """What another run waits for goes on."""
    release = threading.Event()
    results: list[bool] = []

    async def wait() -> bool:
        return await asyncio.to_thread(release.wait, 5)

    def other() -> None:
        background.calls_of_one_run()
        results.append(background.run(wait()))

    def mine() -> None:
        background.calls_of_one_run().cancel()

    thread = threading.Thread(target=copy_context().run, args=(other,))
    thread.start()
    copy_context().run(mine)
    release.set()
    thread.join(5)
    assert results == [True]


def test_a_coroutine_knows_that_it_serves_a_synchronous_caller() -> None:
    """`is_serving` holds on a background loop, and not in a loop of the caller's."""

    async def serving() -> bool:
        return background.is_serving()

    assert background.run(serving())
    assert not asyncio.run(serving())
    assert not background.is_serving()


FORK = """
import asyncio, os, sys, warnings
from langgraph_moa import background
warnings.simplefilter("ignore", DeprecationWarning)
async def answer():
    await asyncio.sleep(0)
    return "answer"
background.run(answer())
child = os.fork()
if child == 0:
    os._exit(0 if background.run(answer()) == "answer" else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_loops_of_its_own() -> None:
    """A process that forks after a synchronous call can make another one in the child."""
    subprocess.run([sys.executable, "-c", FORK], check=True, timeout=30)


async def wait_for_ever(begun: threading.Barrier) -> None:
    """Say that this has begun, and never end."""
    await asyncio.to_thread(begun.wait, 5)
    await asyncio.Event().wait()


def is_waiting(thread: threading.Thread) -> bool:
    """Say whether a thread waits for a result."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and frame.f_code is not Future.result.__code__:
        frame = frame.f_back
    return frame is not None


def error_of(coroutine: Coroutine[Any, Any, object]) -> type[BaseException] | None:
    """Run a coroutine on the background, and return what it raises."""
    try:
        background.run(coroutine)
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return type(error)
    return None
