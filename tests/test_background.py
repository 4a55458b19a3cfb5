"""Claims about coroutines for synchronous callers."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

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
