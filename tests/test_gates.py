"""In what order calls are let in, and that nobody is passed over for ever."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.admission import Admission
from langgraph_moa.limits import Limit
from tests.gatehouse import ONE, House, changes, virtually


def test_without_limits_nothing_is_waited_for() -> None:
    """A call without limits is let in at once and leaves no trace."""

    async def scenario(house: House) -> None:
        admission = await house.call({})
        assert admission.waited == 0
        assert not house._gates

    virtually(scenario)


def test_a_gate_lets_in_as_many_as_it_has_places_in_the_order_of_arrival() -> None:
    """With 3 places 10 calls of one second need 4 seconds, and each knows how long it has waited."""

    async def scenario(house: House) -> None:
        calls = [house.call({"k": Limit(concurrency=3)}, "m", 1.0) for _ in range(10)]
        done = await asyncio.gather(*calls)
        assert [round(admission.waited) for admission in done] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
        assert done[0].waited == 0.0
        assert house.peaks["k"] == 3

    virtually(scenario)


@pytest.mark.parametrize("second", sorted({"".join(order) for order in itertools.permutations("aabb")}))
@pytest.mark.parametrize("first", ["abab", "abba", "bbaa"])
def test_two_layers_change_the_model_twice(first: str, second: str) -> None:
    """One at a time, two layers of two models each load the first model and change twice, in whatever order they come.

    The second layer's calls start a little apart, and the model that is warm may come last.
    """

    async def scenario(house: House) -> None:
        await asyncio.gather(*(house.call(ONE, model, 5.0) for model in first))
        await asyncio.gather(*(house.after(0.004 * place, ONE, model, 5.0) for place, model in enumerate(second)))
        assert changes(house.order) == 2

    virtually(scenario)


def test_only_a_cold_model_waits_for_siblings() -> None:
    """A call for another model gives siblings of the warm one 20 ms; warm calls and wider gates wait for nothing."""

    async def scenario(house: House) -> None:
        assert [(await house.call(ONE, model)).waited for model in "aab"] == [0, 0, pytest.approx(0.02, abs=1e-5)]
        wide = {"k": Limit(concurrency=2)}
        assert [(await house.call(wide, model)).waited for model in "ab"] == [0, 0]

    virtually(scenario)


@pytest.mark.parametrize("limit", [Limit(concurrency=1), Limit(requests_per_minute=60)], ids=["places", "pace"])
def test_a_cold_call_is_passed_over_sixteen_times(limit: Limit) -> None:
    """A steady stream of calls for the warm model lets 16 of them past a waiting one, not 17."""

    async def scenario(house: House) -> None:
        stream = [house.after(0.5 * number, {"k": limit}, "a", 1.0) for number in range(60)]
        await asyncio.gather(*stream, house.after(0.1, {"k": limit}, "b", 1.0))
        assert house.order.index("b") == 17

    virtually(scenario)


def test_a_big_call_is_not_starved_by_small_ones() -> None:
    """A call that needs a pace without debts has its turn although small ones would always find room in it."""

    async def scenario(house: House) -> None:
        limits = {"k": Limit(tokens_per_minute=600)}
        stream = [house.after(0.4 * number, limits, "a", tokens=5) for number in range(100)]
        await asyncio.gather(*stream, house.after(0.1, limits, "b", tokens=100))
        assert house.order.index("b") <= 17 + 2

    virtually(scenario)


def test_a_new_gate_does_not_make_a_model_cold() -> None:
    """A call for the warm model goes first although one of its gates has served nobody yet."""

    async def scenario(house: House) -> None:
        calls = [house.call(ONE, "a", 1.0), house.call(ONE, "b"), house.call({**ONE, "new": Limit(concurrency=2)}, "a")]
        await asyncio.gather(*calls)
        assert house.order == "aab"

    virtually(scenario)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 20), st.sampled_from("abc"), st.floats(0, 2)), min_size=20, max_size=80),
    st.integers(1, 3),
)
def test_nobody_is_passed_over_more_often_than_that(calls: list[tuple[float, str, float]], places: int) -> None:
    """Whatever comes, at most 16 later calls are let in before one that could enter; nor does anybody stay outside."""

    async def scenario(house: House) -> None:
        arrived: list[int] = []
        entered: list[int] = []

        async def one(number: int, delay: float, model: str, seconds: float) -> None:
            await asyncio.sleep(delay)
            arrived.append(number)
            async with Admission(house, {"k": Limit(concurrency=places)}, model=model, tokens=0):
                entered.append(number)
                await asyncio.sleep(seconds)

        await asyncio.gather(*(one(number, *call) for number, call in enumerate(calls)))
        rank = {number: place for place, number in enumerate(arrived)}
        for place, number in enumerate(entered):
            # as many may be let in together, whose tasks then go on in another order
            assert sum(rank[other] > rank[number] for other in entered[:place]) <= 16 + places

    virtually(scenario)


def test_a_call_that_waits_for_its_model_holds_no_place_of_its_provider() -> None:
    """All or nothing: what waits at one gate leaves the other to calls that can enter both."""

    async def scenario(house: House) -> None:
        slow = {"p": Limit(concurrency=2), "p:x": Limit(concurrency=1)}
        calls = [house.call(slow, "x", 10.0), house.call(slow, "x", 10.0), house.call({"p": slow["p"]}, "y", 1.0)]
        assert [round((await call).waited) for call in asyncio.as_completed(calls)] == [0, 0, 10]

    virtually(scenario)


def test_a_slow_model_does_not_stop_its_provider() -> None:
    """Calls that wait long for a slow model keep one of eight places at most from the fast ones."""

    async def scenario(house: House) -> None:
        provider = {"p": Limit(concurrency=8)}
        slow = [house.call({**provider, "p:s": Limit(concurrency=1)}, "s", 1000.0) for _ in range(4)]
        fast = asyncio.gather(*(house.call(provider, "f", 1.0) for _ in range(120)))
        slow_calls = [asyncio.ensure_future(call) for call in slow]
        await fast
        assert house.clock() <= 120 / 6 + 1
        await asyncio.gather(*slow_calls)

    virtually(scenario)


def test_a_call_with_two_gates_is_not_starved_by_calls_with_one() -> None:
    """Two busy gates that are never free together let in the call that needs both all the same."""

    async def scenario(house: House) -> None:
        limits = {"a": Limit(concurrency=1), "b": Limit(concurrency=1)}
        streams = [
            house.after(0.4 * number + 0.2 * (key == "b"), {key: limits[key]}, key, 0.4 + 0.01)
            for number in range(100)
            for key in "ab"
        ]
        both = asyncio.ensure_future(house.after(0.1, limits, "x", 0.1))
        await asyncio.gather(*streams, both)
        assert house.order.index("x") < 2 * 20

    virtually(scenario)


def test_who_is_let_in_at_last_makes_way_at_its_other_gates() -> None:
    """A place that was kept for a call stands in nobody's way when that call enters, since another gate let it in."""

    async def scenario(house: House) -> None:
        narrow, wide, other = {"g": Limit(concurrency=2)}, {"g": Limit(concurrency=3)}, {"a": Limit(concurrency=1)}
        busy = asyncio.ensure_future(house.call(other, "x", 100.0))
        both = asyncio.ensure_future(house.after(0.1, {**narrow, **other}, "v", 1000.0))
        await asyncio.sleep(1)
        await asyncio.gather(*(house.call(wide, "w") for _ in range(16)))
        long = asyncio.ensure_future(house.call(wide, "w", 1000.0))
        await asyncio.sleep(1)
        kept_out = await house.call(wide, "w")
        assert house.clock() == pytest.approx(100, abs=0.1)
        assert kept_out.waited > 90
        await asyncio.gather(busy, both, long)

    virtually(scenario)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_crossing_gates_never_lock_each_other(seed: int) -> None:
    """With three gates, in any order, in any mixture of limits, everybody is let in and no gate is ever too full."""
    dice = random.Random(seed)  # noqa: S311 - not for secrets
    widths = {key: dice.randint(1, 3) for key in "abc"}

    async def scenario(house: House) -> None:
        def limits() -> dict[str, Limit]:
            keys = dice.sample("abc", dice.randint(1, 3))
            pace = dice.choice([None, None, 120.0])
            return {key: Limit(concurrency=widths[key], requests_per_minute=pace) for key in keys}

        calls = [
            house.after(dice.random() * 5, limits(), dice.choice("xyz"), dice.choice([0, 0.1, 1])) for _ in range(60)
        ]
        await asyncio.gather(*calls)
        assert all(house.peaks[key] <= width for key, width in widths.items())

    virtually(scenario)


def test_different_limits_under_one_key_count_each_others_calls() -> None:
    """A mixture that allows one call enters when it is alone there, also while one that allows three goes on and on."""

    async def scenario(house: House) -> None:
        stream = [house.after(0.3 * number, {"k": Limit(concurrency=3)}, "w", 1.0) for number in range(100)]
        narrow = asyncio.ensure_future(house.after(1.0, {"k": Limit(concurrency=1)}, "n", 1.0))
        everything = asyncio.gather(*stream)
        admission = await narrow
        assert 0 < admission.waited < 15
        await everything
        start = next(at for at, model in house.log if model == "n")
        assert not [at for at, model in house.log if model == "w" and start - 0.999 < at < start]
        assert house.peaks["k"] == 3

    virtually(scenario)
