"""Running jobs in this process."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from langgraph_moa import ConfigurationError, MissingKeyError
from langgraph_moa.evaluation.runs import Failed, Identity, Job, RunLog, RunOptions, Standing, run_jobs
from langgraph_moa.evaluation.runs.running import MOST_FAILURES

IDENTITY = Identity("answers", "mine", "f")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[RunLog]:
    """Give a log."""
    with RunLog.open(tmp_path / "run.jsonl", IDENTITY) as opened:
        yield opened


def jobs(count: int) -> Iterator[Job]:
    """Yield jobs that know their number."""
    return (Job(f"j{number}", {"number": number}) for number in range(count))


async def double(data: Mapping[str, Any]) -> dict[str, Any]:
    """Do a job at once."""
    await asyncio.sleep(0)
    return {"doubled": 2 * data["number"], "cost": 0.5}


class Watched:
    """Keeps what a watcher is told."""

    def __init__(self) -> None:
        self.standings: list[Standing] = []
        self.closed = 0

    def note(self, standing: Standing) -> None:
        self.standings.append(standing)

    def close(self) -> None:
        self.closed += 1


async def test_results_are_in_the_log_and_are_not_made_again(log: RunLog) -> None:
    """A second run of the same jobs asks for nothing, and tells how many were there."""
    first = await run_jobs(jobs(5), double, log, RunOptions())
    second = await run_jobs(jobs(7), double, log, RunOptions())
    assert (first.made, first.reused, first.spent) == (5, 0, 2.5)
    assert (second.made, second.reused, second.spent) == (2, 5, 1.0)
    assert dict(log.results())["j6"] == {"doubled": 12, "cost": 0.5}


async def test_jobs_are_pulled_when_there_is_room(log: RunLog) -> None:
    """No more jobs than allowed are under way, and no more are pulled than that and one."""
    pulled = under_way = most = 0
    ahead = []

    def source() -> Iterator[Job]:
        nonlocal pulled
        for job in jobs(30):
            pulled += 1
            yield job

    async def work(data: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        ahead.append(pulled - data["number"])
        await asyncio.sleep(0)
        under_way -= 1
        return {}

    await run_jobs(source(), work, log, RunOptions(concurrency=3))
    assert (most, len(log)) == (3, 30)
    assert max(ahead) <= 4


async def test_failures_are_told_and_never_stored(log: RunLog) -> None:
    """A job that fails has no result, its error is told without secrets, and the others go on."""

    async def work(data: Mapping[str, Any]) -> dict[str, Any]:
        if data["number"] == 1:
            msg = "refused with key sk-abcdefghijklmnopqrstuvwx"
            raise OSError(msg)
        return {"answer": object() if data["number"] == 2 else "ok"}

    outcome = await run_jobs(jobs(4), work, log, RunOptions())
    assert [key for key, _ in log.results()] == ["j0", "j3"]
    assert [(failed.key, failed.kind) for failed in outcome.failed] == [("j1", "OSError"), ("j2", "ConfigurationError")]
    assert "sk-abcdefgh" not in outcome.failed[0].message
    assert (await run_jobs(jobs(4), double, log, RunOptions())).made == 2


async def test_the_list_of_failures_is_bounded(log: RunLog) -> None:
    """Beyond the first hundred, failures are counted alone."""

    async def work(data: Mapping[str, Any]) -> dict[str, Any]:
        raise ValueError(data["number"])

    outcome = await run_jobs(jobs(MOST_FAILURES + 20), work, log, RunOptions())
    assert outcome.failed[0] == Failed("j0", "ValueError", "0")
    assert (len(outcome.failed), outcome.unlisted, outcome.made, len(log)) == (MOST_FAILURES, 20, 0, 0)


async def test_a_call_that_cancels_itself_is_a_failure(log: RunLog) -> None:
    """A job whose client is cancelled from elsewhere fails alone."""

    async def work(data: Mapping[str, Any]) -> dict[str, Any]:
        if data["number"]:
            return {}
        raise asyncio.CancelledError

    outcome = await run_jobs(jobs(2), work, log, RunOptions())
    assert (outcome.made, [failed.kind for failed in outcome.failed]) == (1, ["CancelledError"])


async def test_a_missing_key_ends_the_run(log: RunLog) -> None:
    """What no job can do without is raised at once, and no error of the others is left behind."""
    asked = 0

    async def work(data: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        raise MissingKeyError("set it")

    with pytest.raises(MissingKeyError):
        await run_jobs(jobs(500), work, log, RunOptions(concurrency=4))
    gc.collect()
    assert asked <= 8


async def test_a_cancelled_run_keeps_what_is_finished(log: RunLog) -> None:
    """When a run is cancelled, results stay, and every call under way is cancelled and cleaned up."""
    cleaned: list[int] = []
    waiting = asyncio.Event()

    async def work(data: Mapping[str, Any]) -> dict[str, Any]:
        if data["number"] < 3:
            return {}
        try:
            if data["number"] == 4:
                waiting.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(data["number"])
        return {}

    watched = Watched()
    running = asyncio.create_task(run_jobs(jobs(9), work, log, RunOptions(concurrency=2), watcher=watched))
    await waiting.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (len(log), sorted(cleaned), watched.closed) == (3, [3, 4], 1)
    assert (await run_jobs(jobs(9), double, log, RunOptions())).made == 6


async def test_two_jobs_of_one_key_are_refused(log: RunLog) -> None:
    """The second job of a key is an error that names it; what was under way is finished and kept."""
    twice = [*jobs(3), Job("j1", {"number": 9})]
    with pytest.raises(ConfigurationError, match="'j1'"):
        await run_jobs(twice, double, log, RunOptions())
    assert len(log) == 3


async def test_a_full_log_ends_the_run(log: RunLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a result cannot be written, the run ends, and no further call is paid for."""
    asked = 0

    async def work(data: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {}

    def full(key: str, result: Mapping[str, Any]) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(log, "append", full)
    with pytest.raises(OSError, match="no space"):
        await run_jobs(jobs(50), work, log, RunOptions(concurrency=2))
    assert asked <= 3


async def test_a_watcher_is_told_how_it_goes(log: RunLog) -> None:
    """It hears of the beginning, of every job and of the end, with the rate, the cost and the time left."""
    await run_jobs(jobs(2), double, log, RunOptions())
    watched = Watched()
    await run_jobs(list(jobs(6)), double, log, RunOptions(), watcher=watched)
    first, *_, last = watched.standings
    assert (first.done, first.total, first.rate, first.seconds_left) == (0, 6, None, None)
    assert (last.made, last.reused, last.done, last.in_flight, last.spent) == (4, 2, 6, 0, 2.0)
    assert last.rate == pytest.approx(4 / last.seconds)
    assert last.seconds_left == 0
    assert watched.closed == 1


@pytest.mark.parametrize(("ending", "few", "many"), [("jsonl", 300, 3_000), ("sqlite", 100, 1_000)])
async def test_memory_is_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, few: int, many: int
) -> None:
    """Ten times as many results, four kilobytes each, take a few bytes for each key more, and none for the results."""
    monkeypatch.setattr("os.fsync", lambda _: None)

    async def work(data: Mapping[str, Any]) -> dict[str, Any]:
        return {"answer": "x" * 4_000}

    async def peak(count: int) -> int:
        with RunLog.open(tmp_path / f"{count}.{ending}", IDENTITY) as log:
            tracemalloc.start()
            try:
                await run_jobs(jobs(count), work, log, RunOptions())
                assert sum(1 for _ in log.results()) == count
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    small, large = await peak(few), await peak(many)
    assert large < many * 4_000 / 10
    assert large - small < 400 * (many - few)


async def dollars(data: Mapping[str, Any]) -> dict[str, Any]:
    """Cost what the job says, after the others have begun."""
    await asyncio.sleep(0)
    if data["cost"] is None:
        raise ValueError
    return {"cost": data["cost"]}


def priced(*costs: float | None) -> list[Job]:
    """Return jobs that cost so much."""
    return [Job(f"j{number}", {"cost": cost}) for number, cost in enumerate(costs)]


@pytest.mark.parametrize(
    ("costs", "estimate", "max_cost", "made"),
    [
        pytest.param([1.0] * 10, 1.0, 4.0, 4, id="exactly"),
        pytest.param([1.0] * 10, 1.0, 3.9, 3, id="not-one-more"),
        pytest.param([0.1] * 10, 1.0, 1.45, 5, id="estimates-give-way-to-what-it-was"),
        pytest.param([1.0] * 3, 5.0, 4.0, 0, id="none-fits"),
        pytest.param([1.0] * 3, 1.0, 4.0, 3, id="all-fit"),
        pytest.param([None] * 10, 1.0, 3.0, 0, id="failures-count-as-estimated"),
    ],
)
async def test_no_more_is_spent_than_allowed(
    log: RunLog, costs: list[float | None], estimate: float, max_cost: float, made: int
) -> None:
    """A job begins only if it fits with all that is under way; the outcome says why the others were left."""
    outcome = await run_jobs(priced(*costs), dollars, log, RunOptions(max_cost=max_cost), estimate=lambda _: estimate)
    assert outcome.made == made
    assert (outcome.spent or 0) <= max_cost
    assert (outcome.stopped is None) == (made == len(costs))
    assert outcome.stopped is None or f"max_cost is ${max_cost:.4f}" in outcome.stopped


async def test_a_limit_needs_prices(log: RunLog) -> None:
    """With a limit and no price nothing is asked."""
    for estimate in (None, lambda _: None):
        with pytest.raises(ConfigurationError, match="max_cost"):
            await run_jobs(priced(1.0), dollars, log, RunOptions(max_cost=1), estimate=estimate)
    assert len(log) == 0
