"""Claims about gates: never too many in flight, never too fast, in a fair order, and nobody is forgotten.

Most run in virtual time: when every task waits, the clock jumps to the next timer. Where there is none, somebody has
been forgotten, and the test fails.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import random
import selectors
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa import gates
from langgraph_moa.gates import Admission, Gatehouse, Pace
from langgraph_moa.limits import Limit

Result = TypeVar("Result")
ONE = {"ollama": Limit(concurrency=1)}


class VirtualSelector(selectors.SelectSelector):
    """A selector that does not wait: the time passes at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready, or let the time pass."""
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits, and nobody will be woken"
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer."""

    def __init__(self) -> None:
        self.virtual = VirtualSelector()
        super().__init__(self.virtual)

    def time(self) -> float:
        """Return the virtual seconds."""
        return self.virtual.now


def virtually(scenario: Callable[[House], Coroutine[Any, Any, Result]]) -> Result:
    """Run a scenario in virtual time."""

    async def run() -> Result:
        house = House(asyncio.get_running_loop().time)
        result = await scenario(house)
        house.assert_empty()
        return result

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


class House(Gatehouse):
    """A gatehouse that writes down who was let in, and how many calls were in flight at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.log: list[tuple[float, str]] = []
        self.peaks: Counter[str] = Counter()
        self.flying: Counter[str] = Counter()
        self.guard = threading.Lock()

    async def call(
        self, limits: Mapping[str, Limit], model: str = "m", seconds: float = 0.0, *, tokens: int = 0, used: int = -1
    ) -> Admission:
        """Make a call that takes so long."""
        admission = Admission(self, limits, model=model, tokens=tokens)
        async with admission:
            with self.guard:
                self.log.append((self.clock(), model))
                self.flying.update(limits.keys())
                for key in limits:
                    self.peaks[key] = max(self.peaks[key], self.flying[key])
            try:
                await asyncio.sleep(seconds)
            finally:
                with self.guard:
                    self.flying.subtract(limits.keys())
            admission.settle(None if used < 0 else used)
        return admission

    async def after(self, delay: float, *args: Any, **kwargs: Any) -> Admission:
        """Make a call later."""
        await asyncio.sleep(delay)
        return await self.call(*args, **kwargs)

    @property
    def order(self) -> str:
        """The models in the order in which their calls were let in."""
        return "".join(model for _, model in self.log)

    def assert_empty(self) -> None:
        """Check that nobody is in flight and nobody waits."""
        assert not self._lanes
        assert all(not gate.in_flight and not gate.waiting and not gate.lanes for gate in self._gates.values())


def changes(order: str) -> int:
    """Count how often the model changes."""
    return sum(one != other for one, other in itertools.pairwise(order))


def most_in_a_minute(entries: list[tuple[float, float]]) -> float:
    """Return the most that started within any minute, of (second, amount)."""
    return max(sum(amount for at, amount in entries if start <= at < start + 60 - 1e-3) for start, _ in entries)


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


def test_a_provider_may_ask_for_silence() -> None:
    """After `hold` nobody enters before the time; calls in flight go on; unknown keys make no gate."""

    async def scenario(house: House) -> None:
        limits = {"k": Limit(concurrency=2)}
        running = asyncio.ensure_future(house.call(limits, "m", 1.0))
        await asyncio.sleep(0.5)
        house.post(lambda: house.hold(["k", "unknown"], 30))
        assert (await house.call(limits)).waited == pytest.approx(30, abs=1e-4)
        assert running.done()
        assert set(house._gates) == {"k"}

    virtually(scenario)


def test_a_cancelled_call_leaves_the_queue() -> None:
    """Whether it waits, settles or keeps pace, a cancelled call is gone, and those behind it move up."""

    async def scenario(house: House) -> None:
        limits = {"k": Limit(concurrency=1, tokens_per_minute=60)}
        first, second, third = (
            asyncio.ensure_future(house.call(limits, model, 5.0, tokens=size))
            for model, size in [("a", 1), ("b", 1000), ("c", 1)]
        )
        await asyncio.sleep(1)
        second.cancel()
        assert (await third).waited == pytest.approx(5, abs=0.1)
        assert first.done()
        assert second.cancelled()

    virtually(scenario)


def test_a_call_cancelled_as_it_is_let_in_gives_its_place_back() -> None:
    """Between the moment when a place is given and the moment when the task goes on, a cancellation frees the place."""

    async def scenario(house: House) -> None:
        async with Admission(house, ONE, model="m", tokens=0):
            waiting = asyncio.ensure_future(house.call(ONE))
            behind = asyncio.ensure_future(house.call(ONE))
            await asyncio.sleep(0)
        assert house._gates["ollama"].in_flight == 1
        waiting.cancel()
        await behind
        assert waiting.cancelled()

    virtually(scenario)


@pytest.mark.parametrize("seed", range(8))
def test_storms_of_cancellations_lose_nobody(seed: int) -> None:
    """Half of 300 calls are cancelled at any time; the rest all enter, and nothing is left behind."""
    dice = random.Random(seed)  # noqa: S311 - not for secrets

    async def scenario(house: House) -> None:
        wide, narrow = Limit(concurrency=3, requests_per_minute=6000), Limit(concurrency=1)
        choices = [{"k": wide}, {"k": wide, "k:x": narrow}, {"k:x": narrow}]
        tasks = [
            asyncio.ensure_future(house.after(dice.random(), dice.choice(choices), dice.choice("ab"), 0.01))
            for _ in range(300)
        ]
        doomed = dice.sample(tasks, 150)
        for task in doomed:
            await asyncio.sleep(dice.choice([0, 0, 0.01]))
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for task, result in zip(tasks, results, strict=True):
            assert isinstance(result, Admission) or task in doomed
        assert house.peaks["k"] <= 3
        assert house.peaks["k:x"] <= 1

    virtually(scenario)


@pytest.mark.parametrize("seed", range(3))
def test_loops_in_threads_share_the_gates(seed: int) -> None:
    """Six event loops in six threads, with cancellations: never too many in flight, and everything ends."""
    house, failures = House(), []
    wide, narrow = Limit(concurrency=4), Limit(concurrency=1, requests_per_minute=10**6)

    async def work(dice: random.Random) -> None:
        choices = [{"k": wide}, {"k": wide, "x": narrow}, {"x": narrow}]
        tasks = [
            asyncio.ensure_future(house.call(dice.choice(choices), dice.choice("abc"), dice.choice([0, 0, 1e-4])))
            for _ in range(120)
        ]
        doomed = dice.sample(tasks, 30)
        for task in doomed:
            await asyncio.sleep(0)
            task.cancel()
        done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)
        assert sum(isinstance(result, Admission) for result in done) >= 90

    def run(number: int) -> None:
        try:
            asyncio.run(work(random.Random(f"{seed} {number}")))  # noqa: S311 - not for secrets
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    threads = [threading.Thread(target=run, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert house.peaks["k"] <= 4
    assert house.peaks["x"] <= 1
    house.assert_empty()


def abandoned_loop(house: House, limits: Mapping[str, Limit]) -> asyncio.Task[Admission]:
    """Leave a call in a loop that is closed without a word."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(house.call(limits, "gone", 100))
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    return task


async def test_a_waiter_whose_loop_is_closed_is_passed_by() -> None:
    """The place goes to the next call, whose loop still runs."""
    house = House()
    async with Admission(house, ONE, model="m", tokens=0):
        gone = await asyncio.to_thread(abandoned_loop, house, ONE)
        behind = asyncio.ensure_future(house.call(ONE))
        await asyncio.sleep(0)
    await asyncio.wait_for(behind, 10)
    house.assert_empty()
    assert not gone.done()
    gone.get_coro().close()


async def test_a_timer_of_a_closed_loop_is_not_needed() -> None:
    """Calls that keep pace have a timer of their own in each loop."""
    house = House()
    limits = {"k": Limit(requests_per_minute=600)}
    for _ in range(10):
        await house.call(limits)
    gone = await asyncio.to_thread(abandoned_loop, house, {"k": Limit(requests_per_minute=30)})
    await asyncio.wait_for(house.call(limits), 10)
    house.assert_empty()
    gone.get_coro().close()


async def test_a_call_that_is_thrown_away_gives_its_place_back() -> None:
    """A task that the garbage collector takes, with its loop, leaves no place occupied."""
    house = House()
    thread = threading.Thread(target=abandoned_loop, args=[house, ONE])
    thread.start()
    await asyncio.to_thread(thread.join)
    gc.collect()
    await asyncio.wait_for(house.call(ONE), 10)
    house.assert_empty()


async def test_an_event_within_an_event_is_worked_off() -> None:
    """What happens while the lock is held, as a garbage collection may, waits for nobody and is not lost."""
    house = House()
    seen: list[str] = []

    def outer() -> None:
        house.post(partial(seen.append, "inner"))
        seen.append("outer")

    house.post(outer)
    assert seen == ["outer", "inner"]


def test_an_event_at_the_last_moment_is_worked_off() -> None:
    """What comes after the queue was found empty and before the lock is free is not lost."""
    house = House()
    seen: list[str] = []

    class LateLock:
        """A lock that is given back a moment too late."""

        late, lock = True, threading.Lock()

        def acquire(self, *, blocking: bool) -> bool:
            return self.lock.acquire(blocking=blocking)

        def release(self) -> None:
            if self.late:
                self.late = False
                house.post(partial(seen.append, "late"))
            self.lock.release()

    house._lock = LateLock()  # type: ignore[assignment]
    house.post(partial(seen.append, "early"))
    assert seen == ["early", "late"]


def test_gates_without_calls_are_forgotten() -> None:
    """Thousands of keys do not pile up; a gate with a debt or a call is kept."""

    async def scenario(house: House) -> None:
        debt = {"debt": Limit(requests_per_minute=1)}
        await house.call(debt)
        async with Admission(house, ONE, model="m", tokens=0):
            for number in range(3000):
                await house.call({f"key {number}": Limit(concurrency=1, requests_per_minute=6000)})
                await asyncio.sleep(0.001)
            assert len(house._gates) <= 600
            assert house._gates["ollama"].in_flight == 1
        assert (await house.call(debt)).waited == pytest.approx(57, abs=1)

    virtually(scenario)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_begins_anew() -> None:
    """A child forked while a call is in flight and the lock is held finds the gate free; the parent's is as it was."""
    script = """
    import asyncio, os, threading
    from langgraph_moa import gates
    from langgraph_moa.limits import Limit

    async def enter(while_inside):
        async with gates.admission({"k": Limit(concurrency=1)}, model="m", tokens=0) as admission:
            while_inside()
            return admission.waited

    def in_child():
        waited = asyncio.run(asyncio.wait_for(enter(lambda: None), 20))
        os._exit(0 if waited == 0 else 1)

    def fork():
        with gates._house._lock:
            child = os.fork()
            if not child:
                thread = threading.Thread(target=in_child)
                thread.start()
                thread.join()
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert gates._house._gates["k"].in_flight == 1

    asyncio.run(enter(fork))
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


async def test_the_process_has_one_house() -> None:
    """`admission` and `hold` meet at the same gates, in real time too."""
    limits = {"test of the one house": Limit(requests_per_minute=300)}
    started = time.monotonic()
    admissions = [gates.admission(limits, model="m", tokens=0) for _ in range(8)]

    async def enter(admission: Admission) -> None:
        async with admission:
            gates.hold(["another key"], 100)

    await asyncio.gather(*map(enter, admissions))
    assert 0.55 < time.monotonic() - started < 20
    assert [admission.waited > 0 for admission in admissions] == [False] * 5 + [True] * 3
    gates.hold(limits, 0.3)
    late = gates.admission(limits, model="m", tokens=0)
    await enter(late)
    assert 0.25 < late.waited < 20


def test_many_waiters_cost_each_as_much_as_few() -> None:
    """Eight times as many calls at one gate take about eight times as long, not sixty-four."""

    def seconds(count: int) -> float:
        async def crowd() -> float:
            house = House()
            limits = {"k": Limit(concurrency=8)}
            started = time.process_time()
            await asyncio.gather(*(house.call(limits, f"m{number % 6}") for number in range(count)))
            return time.process_time() - started

        return asyncio.run(crowd())

    assert min(seconds(2400) for _ in range(2)) < 24 * min(seconds(300) for _ in range(3))
