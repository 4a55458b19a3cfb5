"""How many requests and tokens a minute are let in."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.admission import Admission
from langgraph_moa.gates import Pace
from langgraph_moa.limits import Limit
from tests.gatehouse import House, most_in_a_minute, virtually


@settings(max_examples=25, deadline=None)
@given(st.floats(20, 300), st.lists(st.floats(0, 2), max_size=60))
def test_requests_keep_their_pace(rate: float, pauses: list[float]) -> None:
    """In any minute no more start than the rate and a second's worth, at least one; and a crowd is not slower."""
    limits = {"k": Limit(requests_per_minute=rate)}
    crowd = int(rate * 1.5)

    async def scenario(house: House) -> None:
        for pause in pauses:
            await house.after(pause, limits)
        began = house.clock()
        await asyncio.gather(*(house.call(limits) for _ in range(crowd)))
        assert most_in_a_minute([(at, 1) for at, _ in house.log]) <= rate + max(1, rate / 60) + 1e-6
        assert house.clock() - began <= crowd * 60 / rate + 1

    virtually(scenario)


@settings(max_examples=40, deadline=None)
@given(st.floats(600, 60_000), st.lists(st.floats(0, 3), min_size=5, max_size=60))
def test_tokens_keep_their_pace(rate: float, seconds: list[float]) -> None:
    """In any minute no more tokens start than the rate and a second's worth, or one call that is bigger than that."""
    sizes = [int(rate / 60 * second) for second in seconds]

    async def scenario(house: House) -> None:
        entries: list[tuple[float, float]] = []

        async def one(size: int) -> None:
            async with Admission(house, {"k": Limit(tokens_per_minute=rate)}, model="m", tokens=size):
                entries.append((house.clock(), size))

        await asyncio.gather(*map(one, sizes))
        assert most_in_a_minute(entries) <= rate + max(rate / 60, *sizes) + 1e-3
        assert house.clock() <= sum(sizes) * 60 / rate + 1e-3

    virtually(scenario)


def test_what_was_really_used_corrects_the_pace() -> None:
    """Tokens that were not used shorten the wait of those who stand there, and more than expected lengthens it."""

    async def scenario(house: House) -> None:
        limits = {"k": Limit(tokens_per_minute=60)}
        await house.call(limits, tokens=100, used=0)
        assert (await house.call(limits, tokens=1, used=10)).waited == 0
        assert (await house.call(limits, tokens=1)).waited == pytest.approx(10, abs=1e-4)
        first, waiting = await asyncio.gather(house.call(limits, "m", 3, tokens=50, used=5), house.call(limits))
        assert first.waited == pytest.approx(1, abs=1e-4)
        assert waiting.waited == pytest.approx(1 + 5 - 1, abs=1e-4)
        first.settle(10_000)
        assert (await house.call(limits)).waited < 1

    virtually(scenario)


def test_a_correction_lets_in_at_once_who_waits_for_the_pace() -> None:
    """Whoever waits for tokens that were not used enters when that is known, not when the call ends."""

    async def scenario(house: House) -> None:
        limits = {"k": Limit(tokens_per_minute=60)}
        async with Admission(house, limits, model="m", tokens=100) as admission:
            waiting = asyncio.ensure_future(house.call(limits))
            await asyncio.sleep(5)
            admission.settle(0)
            await asyncio.sleep(1)
            assert waiting.done()

    virtually(scenario)


def test_a_late_correction_gives_back_no_time_that_is_over() -> None:
    """What a call did not use is given back as far as its share still lies ahead."""
    pace = Pace()
    paid_until = pace.charge(10, 0)
    pace.charge(1, 20)
    pace.correct(-9, paid_until, 20)
    assert pace.due == 21
    paid_until = pace.charge(10, 21)
    pace.correct(-9, paid_until, 21)
    assert pace.due == 22
