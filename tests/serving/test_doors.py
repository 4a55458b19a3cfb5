"""Claims about how many requests are let in."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from langgraph_moa.serving.doors import Doors
from langgraph_moa.serving.failures import RequestFailure


def test_one_too_many_is_turned_away() -> None:
    """Who finds no room is told to come again, and finds some when another has left."""
    doors = Doors(most_at_once=1, most_waiting=1, per_minute=None)
    with ExitStack() as inside:
        inside.enter_context(doors.let_in("a"))
        inside.enter_context(doors.let_in("b"))
        with pytest.raises(RequestFailure) as refused, doors.let_in("c"):
            pass
        assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
    with doors.let_in("c"):
        pass


def test_each_address_has_a_pace_of_its_own() -> None:
    """An address that asks too often is told when to come again; others go on."""
    doors = Doors(most_at_once=9, most_waiting=9, per_minute=2)
    for _ in range(2):
        with doors.let_in("a"):
            pass
    with pytest.raises(RequestFailure, match="at most 2 requests") as refused, doors.let_in("a"):
        pass
    assert 0 < int(refused.value.headers["Retry-After"]) <= 60
    with doors.let_in("b"):
        pass


async def test_places_are_taken_in_turn() -> None:
    """No more than so many are answered at once, and nobody who waits is forgotten."""
    doors = Doors(most_at_once=2, most_waiting=100, per_minute=None)
    inside = most = ended = 0

    async def answer() -> None:
        nonlocal inside, most, ended
        async with doors.place():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
        ended += 1

    await asyncio.gather(*(answer() for _ in range(20)))
    assert (most, ended) == (2, 20)
