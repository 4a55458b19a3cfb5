"""Tests of what cases make of results: contenders and provider are stand-ins here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from benchmarks.bench import Bench
from benchmarks.cases import faults, first_token, heavy_tail, hung, memory
from benchmarks.protocol import Job, Result
from benchmarks.reports import CaseReport, Row
from benchmarks.workers import TooLateError
from langgraph_moa.testing import Behaviour, RecordedRequest

OWN = ("moa", "gather", "fan_out", "reference")


@dataclass
class StandIn:
    """Serves nothing, and tells what is served."""

    models: dict[str, Behaviour] = field(default_factory=dict)
    recorded: list[RecordedRequest] = field(default_factory=list)

    @contextmanager
    def serving(self, behaviour: Behaviour | None = None, **models: Behaviour) -> Iterator[str]:
        self.models = {"": behaviour or Behaviour(), **models}
        yield "http://127.0.0.1:1/v1"

    def requests(self) -> list[RecordedRequest]:
        return self.recorded

    def peak_in_flight(self) -> int:
        return 6


@dataclass
class Contender:
    """Gives results that are made up."""

    seconds: Callable[[Job], float]
    answer: str = "The answer."
    restarts: int = 0

    def run(self, job: Job, *, seconds: float) -> Result:
        if (taken := self.seconds(job)) > seconds:
            raise TooLateError(f"no result within {seconds:g} s")
        return Result(
            seconds=[taken] * job.mixtures,
            first_token=[taken / 2] * job.mixtures,
            answers=[self.answer] * job.mixtures,
            errors=[None] * job.mixtures,
            elapsed=taken,
            processor=taken / 4,
            memory=2**20 * job.mixtures,
        )

    def restart(self) -> None:
        self.restarts += 1


def _bench(provider: StandIn, **workers: Contender) -> Bench:
    return Bench(cast("Any", provider), cast("Any", workers), {"broken": "does not install"}, is_quick=True)


def _row(report: CaseReport, name: str) -> Row:
    return next(row for row in report.rows if row.contender == name)


def test_hung_proposer() -> None:
    """A contender that never answers has only the figure with all answering; ours is judged by path and grace."""
    provider = StandIn()

    def seconds(job: Job) -> float:
        hangs = any(behaviour.hang for behaviour in provider.models.values())
        return 1.0 if not hangs else 1.3 if "layer" in job.options else 600.0

    report = hung.run(_bench(provider, **{name: Contender(seconds) for name in OWN}))
    hung_up = _row(report, "gather").values
    assert (hung_up["all answer"], hung_up["one hangs"], hung_up["worst"]) == (1.0, None, None)
    assert report.targets[0].measured == pytest.approx(1.3 / 1.25)
    assert report.targets[0].met
    assert report.rows[-1] == Row(contender="broken", error="does not install")


@pytest.mark.parametrize(("with_quorum", "met"), [(0.9, True), (1.1, False)])
def test_heavy_tail(with_quorum: float, met: bool) -> None:  # noqa: FBT001
    """The first token with quorum and grace is set against waiting for all, in the same shape."""
    ours = Contender(lambda job: (with_quorum if job.options else 2.0) * job.depth)
    report = heavy_tail.run(_bench(StandIn(), **{**{name: Contender(lambda _: 1.0) for name in OWN}, "moa": ours}))
    assert [target.measured for target in report.targets] == pytest.approx([with_quorum / 2] * 2)
    assert [target.met for target in report.targets] == [met, met]


def test_error_text_is_counted() -> None:
    """Answers that hold an error are counted, and they are no whole answers."""
    spoilt = Contender(lambda _: 1.0, answer="Error code: 500 - The server had an error")
    report = faults.run(_bench(StandIn(), **{**{name: Contender(lambda _: 1.0) for name in OWN}, "gather": spoilt}))
    counted = [_row(report, name).values for name in ("gather", "moa")]
    assert [values["answers with error text"] for values in counted] == [10, 0]
    assert [values["whole answers"] for values in counted] == [0, 0]


def test_first_token_behind_the_path() -> None:
    """How far the first token is behind the path is told in milliseconds."""
    report = first_token.run(_bench(StandIn(), **{name: Contender(lambda _: 3.88) for name in OWN}))
    assert report.targets[0].measured == pytest.approx(40)


def test_memory_of_new_processes() -> None:
    """Every contender begins with a new process, and its growth is told for one mixture."""
    workers = {name: Contender(lambda _: 1.0) for name in OWN}
    report = memory.run(_bench(StandIn(), **workers, theirs=(theirs := Contender(lambda _: 1.0))))
    assert {row.values.get("a mixture") for row in report.rows[:-1]} == {1024.0}
    assert (workers["moa"].restarts, theirs.restarts) == (2, 1)
