"""(f) One of six proposers never answers."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from benchmarks.bench import Bench
from benchmarks.reports import CaseReport, Column, Row, Target
from benchmarks.trials import SIX, Arm, answered, arms, rows_of, value
from benchmarks.workers import TooLateError
from langgraph_moa.testing import Behaviour

_DELAY, _GRACE, _PATIENCE = 0.5, 0.25, 5.0
_ALL_ANSWER, _ONE_HANGS, _OF_LIMIT = "all answer", "one hangs", "of path + grace"
_ANSWERS, _HUNG_MODEL = Behaviour(delay=_DELAY), SIX[2]
_OURS = Arm(
    contender="moa", setting="quorum 5, grace 250 ms", options={"layer": {"quorum": 5, "grace": _GRACE}}, depth=2
)
_WITH_DEADLINE = Arm(contender="moa", setting="deadline 1 s", options={"layer": {"deadline": 1.0}}, depth=2)
_LIMIT = _DELAY + _GRACE + _DELAY
"""Seconds: the slowest needed proposer, the grace, the aggregator."""


def run(bench: Bench) -> CaseReport:
    """Ask mixtures with a proposer that hangs."""
    measured = arms(bench, _OURS, _WITH_DEADLINE, "moa", "gather", "fan_out", "reference", depth=2)
    rows = rows_of(bench, measured, lambda arm: _figures(bench, arm))
    return _report(rows)


def _figures(bench: Bench, arm: Arm) -> Mapping[str, float | None]:
    """Measure with every proposer answering first: so the contender is warm, and known to work."""
    worker = bench.workers[arm.contender]
    with bench.provider.serving(_ANSWERS) as url:
        healthy = answered(worker.run(arm.job(url), seconds=60)).seconds[0]
    with bench.provider.serving(_ANSWERS, **{_HUNG_MODEL: Behaviour(hang=True)}) as url:
        job = arm.job(url, warm_up=0)
        try:
            results = [worker.run(job, seconds=_PATIENCE) for _ in range(bench.repeat(5))]
        except TooLateError:
            return {_ALL_ANSWER: healthy, _ONE_HANGS: None, "worst": None, _OF_LIMIT: None}
    seconds = [answered(result).seconds[0] for result in results]
    median = statistics.median(seconds)
    return {_ALL_ANSWER: healthy, _ONE_HANGS: median, "worst": max(seconds), _OF_LIMIT: median / _LIMIT}


def _report(rows: list[Row]) -> CaseReport:
    return CaseReport(
        case="hung",
        title="One of six proposers never answers",
        setting=(
            f"6+1, every call takes {_DELAY:g} s, and the third proposer's never ends; one mixture at a time, the "
            f"median of 5. A contender that has not answered after {_PATIENCE:g} s is stopped, and has no figure "
            f"but that with all answering. Path + grace: {_LIMIT:g} s, the slowest needed proposer, {_GRACE:g} s "
            "of grace and the aggregator."
        ),
        columns=[
            Column(name=_ALL_ANSWER, unit="s"),
            Column(name=_ONE_HANGS, unit="s"),
            Column(name="worst", unit="s"),
            Column(name=_OF_LIMIT, unit="x"),
        ],
        rows=rows,
        targets=[
            Target(
                what=f"{_OURS.name}: the median with one that hangs / (critical path + grace)",
                measured=value(rows, _OURS.name, _OF_LIMIT),
                bound=1.05,
                sense="at most",
            )
        ],
    )
