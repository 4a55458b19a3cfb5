"""Loops, threads, forks and cancellations: every place is given back, and nobody is forgotten."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Mapping
from functools import partial

import pytest

from langgraph_moa.admission import Admission, admission
from langgraph_moa.limits import Limit
from tests.gatehouse import ONE, House, virtually


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
    from langgraph_moa import admission as gates
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
    """Calls of the process meet at the same gates, in real time too."""
    limits = {"test of the one house": Limit(requests_per_minute=300)}
    started = time.monotonic()
    admissions = [admission(limits, model="m", tokens=0) for _ in range(8)]

    async def enter(place: Admission) -> None:
        async with place:
            pass

    await asyncio.gather(*map(enter, admissions))
    assert 0.55 < time.monotonic() - started < 20
    assert [place.waited > 0 for place in admissions] == [False] * 5 + [True] * 3


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
