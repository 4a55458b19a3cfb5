"""Work on a Dask cluster: a real scheduler, and workers that are processes of their own."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from langgraph_moa import ConfigurationError, MissingDependencyError, Mixture, Proposer
from langgraph_moa.evaluation import mt_bench
from langgraph_moa.evaluation.bulk import answer_plainly, bulk_jobs
from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.pages import to_json
from langgraph_moa.evaluation.runs import Identity, Job, RunLog, RunOptions, Standing, Work, run_jobs
from langgraph_moa.evaluation.runs.cluster import ClusterLostError, _submit
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator

JOBS = 24
KILLED_AFTER = 6
THREADS = 2
PROPOSERS = 2
CALLS_OF_ONE_WORKER = THREADS * PROPOSERS
IDENTITY = Identity("answers", "test", "f")
MIXTURE = Mixture.of([Proposer("openai:a"), Proposer("openai:b")], "openai:merge")


def _started_worker(scheduler: str, folder: Path, held: ExitStack) -> subprocess.Popen[bytes]:
    """Start a worker with two threads, which is killed at the end."""
    options = ["--no-nanny", "--no-dashboard", "--nthreads", str(THREADS), "--local-directory", str(folder)]
    process = held.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_worker", scheduler, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    )
    held.callback(process.kill)
    return process


def _echo(body: dict[str, Any]) -> str:
    return f"{body['model']}: {str(body['messages'][-1]['content'])[-60:]}"


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Serve models that repeat the end of what they are asked, as soon as both workers have asked."""

    def reply(body: dict[str, Any]) -> str:
        simulator.wait_for(lambda it: it.peak_in_flight > CALLS_OF_ONE_WORKER, seconds=30)
        return _echo(body)

    with Simulator(Behaviour(reply=reply)) as simulator:
        monkeypatch.setenv("OPENAI_BASE_URL", simulator.url)
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        yield simulator


class Killer:
    """Kills a process when so many jobs are made."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.killed_at: Standing | None = None

    def note(self, standing: Standing) -> None:
        if standing.made >= KILLED_AFTER and self.killed_at is None:
            self._process.kill()
            self._process.wait()
            self.killed_at = standing

    def close(self) -> None:
        pass


def _jobs() -> Iterator[Job]:
    return bulk_jobs(MIXTURE, (Sample(f"q{number}", (f"Question {number}?",)) for number in range(JOBS)))


def _said(log: RunLog) -> dict[str, Any]:
    results = dict(log.results())
    return {key: (result["answer"], [made["text"] for made in result["proposals"]]) for key, result in results.items()}


async def test_a_killed_worker_loses_nothing(
    provider: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two workers is killed in the middle: every job has its result, and all equal those of a local run."""
    from distributed import Scheduler

    monkeypatch.setattr("langgraph_moa.evaluation.runs.cluster.CONNECTING_SECONDS", 60.0)
    async with Scheduler(host="127.0.0.1", port=0, dashboard=False, dashboard_address="127.0.0.1:0") as scheduler:
        with ExitStack() as held:
            killed, _ = (_started_worker(scheduler.address, tmp_path, held) for _ in range(2))
            killer = Killer(killed)
            options = RunOptions(cluster=scheduler.address, concurrency=8)
            with RunLog.open(tmp_path / "cluster.jsonl", IDENTITY) as log:
                outcome = await run_jobs(_jobs(), answer_plainly, log, options, watcher=killer)
                there = _said(log)
    assert outcome.made == JOBS
    assert outcome.failed == ()
    assert killer.killed_at is not None
    assert killer.killed_at.made < JOBS
    with RunLog.open(tmp_path / "here.jsonl", IDENTITY) as log:
        await run_jobs(_jobs(), answer_plainly, log, RunOptions())
        assert there == _said(log)


async def test_a_benchmark_is_the_same_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undrawn: None) -> None:
    """MT-Bench, whose questions are asked with the temperatures of their categories, gives the same report there."""
    from distributed import Scheduler, Worker

    warm = Behaviour(reply=lambda body: f"{_echo(body)} at {body.get('temperature')}. Rating: [[7]]")
    samples = [
        Sample(name, ("Why?", "And then?"), metadata={"category": name}) for name in ("writing", "math", "humanities")
    ]
    prompts = mt_bench.JudgePrompts(mt_bench.OWN_PROMPTS, "own")
    judge = Judge(mt_bench.judge_seat("openai:judge"))

    async def report(name: str, cluster: str | None) -> str:
        answers, judgments = (RunLog.open(tmp_path / f"{name}-{kind}.jsonl", IDENTITY) for kind in ("a", "j"))
        options = RunOptions(cluster=cluster)
        with answers, judgments:
            found = await mt_bench.evaluate(
                MIXTURE, samples, judge, prompts, answers=answers, judgments=judgments, options=options
            )
            said = [[turn["answer"] for turn in (answers.get(one.id) or {})["turns"]] for one in samples]
        return json.dumps(said) + to_json(found.report)

    with Simulator(warm) as simulator:
        monkeypatch.setenv("OPENAI_BASE_URL", simulator.url)
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        async with Scheduler(host="127.0.0.1", port=0, dashboard=False, dashboard_address="127.0.0.1:0") as scheduler:
            places: dict[str, Any] = {"nthreads": THREADS, "local_directory": str(tmp_path), "dashboard": False}
            async with Worker(scheduler.address, **places), Worker(scheduler.address, **places):
                there = await report("there", scheduler.address)
        assert there == await report("here", None)
    assert all(said in there for said in ("at 0.7", "at 0.0", "at 0.1", "7.0"))


async def test_work_that_a_worker_cannot_import_is_refused(tmp_path: Path) -> None:
    """A function within a function is refused before anything is connected to, and what to do is told."""

    async def within(data: Any) -> dict[str, Any]:
        return {}

    log = RunLog.open(tmp_path / "a.jsonl", IDENTITY)
    with log, pytest.raises(ConfigurationError, match="name them as strings"):
        await run_jobs([Job("a", {})], within, log, RunOptions(cluster="tcp://127.0.0.1:1"))


def test_a_mixture_of_objects_has_no_written_form() -> None:
    """A mixture that holds a model object is refused, since it cannot cross to a worker."""
    with pytest.raises(ConfigurationError, match="provider:model"):
        next(bulk_jobs(Mixture.of([ScriptedChatModel(replies=["a"])], "openai:b"), [Sample("a", ("b",))]))


async def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Dask the error holds the command that installs it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    log = RunLog.open(tmp_path / "a.jsonl", IDENTITY)
    with log, pytest.raises(MissingDependencyError, match=r"langgraph-moa\[dask\]"):
        await run_jobs([], answer_plainly, log, RunOptions(cluster="tcp://127.0.0.1:1"))


async def test_an_address_where_nobody_answers_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that does not answer ends the run with its address and what to start."""
    monkeypatch.setattr("langgraph_moa.evaluation.runs.cluster.CONNECTING_SECONDS", 0.2)
    log = RunLog.open(tmp_path / "a.jsonl", IDENTITY)
    with log, pytest.raises(ConfigurationError, match=r"'tcp://127\.0\.0\.1:1'.*dask scheduler"):
        await run_jobs([], answer_plainly, log, RunOptions(cluster="tcp://127.0.0.1:1"))


class _LostClient:
    """A client whose scheduler is gone."""

    status = "connecting"


async def test_a_lost_scheduler_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the scheduler is gone, no further job is tried, and what to do is told."""

    @asynccontextmanager
    async def lost(work: Work, cluster: str | None) -> AsyncIterator[Work]:
        yield functools.partial(_submit, _LostClient(), work)

    monkeypatch.setattr("langgraph_moa.evaluation.runs.running.performing", lost)
    log = RunLog.open(tmp_path / "a.jsonl", IDENTITY)
    with log, pytest.raises(ClusterLostError, match="run again"):
        await run_jobs(_jobs(), answer_plainly, log, RunOptions(cluster="tcp://127.0.0.1:1"))
