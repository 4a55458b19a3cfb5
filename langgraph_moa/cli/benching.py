"""What the commands that compare arms do alike: read the questions, open log and tape, show the report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph_moa.cli import benchmarks, failures

if TYPE_CHECKING:
    from langgraph_moa.evaluation.arms import Arm
    from langgraph_moa.evaluation.bench import Bench
    from langgraph_moa.evaluation.datasets import BrokenLine
    from langgraph_moa.evaluation.judging import Judge
    from langgraph_moa.evaluation.reports import Report
    from langgraph_moa.evaluation.runs import DryRun, Identity, RunOptions
    from langgraph_moa.evaluation.samples import Sample
    from langgraph_moa.evaluation.scoring import Scorer
    from langgraph_moa.mixture import Mixture

JUDGE_TOKENS = 1024
"""Of a judge's verdict at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a command keeps what it has, and how it shows it."""

    out: Path | None = None
    log: Path | None = None
    tape: Path | None = None
    as_json: bool = False
    quiet: bool = False

    @property
    def log_file(self) -> Path | None:
        """The log: as named, or in the folder; `None`: it is not kept."""
        return self.log or (None if self.out is None else self.out / "log.jsonl")


@dataclass(frozen=True, slots=True)
class OwnSet:
    """A user's own questions, and who scores the answers."""

    samples: list[Sample]
    broken: list[BrokenLine]
    scorer: Scorer
    how: RunOptions
    against: Against | None = None


@dataclass(frozen=True, slots=True)
class Against:
    """The baseline that a judge compares all answers with."""

    arm: Arm
    answers: dict[str, Sequence[str]]
    """Empty until the baseline is asked."""

    async def ask(self, bench: Bench) -> None:
        """Let it answer."""
        self.answers.update(await bench.said(self.arm))


def own_set(data: Path, judge: str | None, against: str | None, how: RunOptions) -> OwnSet:
    """Read the questions.

    Args:
        data: The file.
        judge: The model that judges, if any.
        against: The baseline's model, if answers are compared in pairs.
        how: Which of the questions are taken.

    Raises:
        ConfigurationError: The file cannot be read, holds no question, or has no targets and there is no judge; or
            there is a baseline and no judge.
    """
    from langgraph_moa.errors import ConfigurationError
    from langgraph_moa.evaluation.datasets import read_samples
    from langgraph_moa.evaluation.own_sets import own_sample
    from langgraph_moa.evaluation.scoring import PairAgainst, scorer_for

    file = read_samples(data, own_sample)
    samples = list(how.choose(file, lambda sample: sample.id))
    if not samples:
        first = f"; the first of {len(file.broken)} broken lines: {file.broken[0]}" if file.broken else ""
        raise ConfigurationError(f"{data} holds no question{first}")
    if against is None:
        return OwnSet(samples, list(file.broken), scorer_for(samples, None if judge is None else _judge(judge)), how)
    if judge is None:
        raise ConfigurationError(f"--against {against} needs a judge: add --judge provider:model")
    baseline = _baseline(against)
    scorer = PairAgainst(_judge(judge), baseline.answers, against)
    return OwnSet(samples, list(file.broken), scorer, how, baseline)


def _judge(model: str) -> Judge:
    from langgraph_moa.evaluation.judging import TEMPERATURE, Judge
    from langgraph_moa.mixture import Proposer

    return Judge(Proposer(model, temperature=TEMPERATURE, max_tokens=JUDGE_TOKENS))


def _baseline(model: str) -> Against:
    from langgraph_moa.evaluation.arms import Arm, single

    return Against(Arm(f"baseline {model}", single(model)), {})


def warn(asked: OwnSet, mixture: Mixture, *, quiet: bool) -> None:
    """Say that the judge is to judge what it has written itself, the baseline included, before anything is paid for."""
    if asked.scorer.judge is None:
        return
    baselines = [] if asked.against is None else [asked.against.arm.mixture]
    for each in (mixture, *baselines):
        benchmarks.warn_of(asked.scorer.judge, each, quiet=quiet)


def show(
    asked: OwnSet, identity: Identity, study: Callable[[Bench], Coroutine[Any, Any, Report]], places: Places
) -> int:
    """Run a study over the questions, show its report, and return the exit code.

    Raises:
        MoAError: It cannot be run.
    """
    import asyncio

    from langgraph_moa.cli.bulk_views import watcher_for
    from langgraph_moa.evaluation.bench import open_bench
    from langgraph_moa.extras import require

    require("matplotlib", extra="eval")  # what is missing is told before anything is paid for

    async def studied(bench: Bench) -> Report:
        if asked.against is not None:
            await asked.against.ask(bench)
        return await study(bench)

    if places.out is not None:
        benchmarks.make_folder(places.out)
    with open_bench(
        asked.samples,
        asked.scorer,
        identity,
        log=places.log_file,
        tape=places.tape,
        options=asked.how,
        watch=lambda _: watcher_for(quiet=places.quiet),
    ) as bench:
        report = asyncio.run(studied(bench))
    code = benchmarks.show_report(
        report, [bench.outcome], asked.broken, out=places.out, as_json=places.as_json, quiet=places.quiet
    )
    if report.data.get("judged", True):
        return code
    print("moa: nothing could be judged: see the notes of the report", file=sys.stderr, flush=True)
    return failures.FAILED


def show_plans(plans: Mapping[str, DryRun], asked: OwnSet, *, as_json: bool) -> int:
    """Print what each arm would make, and return the exit code."""
    return benchmarks.show_plans(plans, asked.broken, as_json=as_json)
