"""(h) How soon does the answer begin?"""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from benchmarks.bench import Bench
from benchmarks.reports import CaseReport, Column, Row, Target
from benchmarks.trials import Arm, answered, arms, rows_of, value
from langgraph_moa.testing import Behaviour

_TOKENS, _TOKENS_PER_SECOND, _TO_FIRST = 40, 50.0, 0.1
_MODEL = Behaviour(
    reply=" ".join(["word"] * _TOKENS), tokens_per_second=_TOKENS_PER_SECOND, time_to_first_token=_TO_FIRST
)
_PROPOSER = _TO_FIRST + _TOKENS / _TOKENS_PER_SECOND
_PATH = _PROPOSER + _PROPOSER + _TO_FIRST
"""Seconds to the first token where nothing but models takes time: two layers, then the aggregator's first token."""
_TIMES, _OF_PEERS = 5, 1
_BEHIND = "behind the path"


def run(bench: Bench) -> CaseReport:
    """Ask for answers token by token."""
    measured = arms(bench, "moa", "gather", "fan_out", "reference")
    return _report(rows_of(bench, measured, lambda arm: _figures(bench, arm)))


def _figures(bench: Bench, arm: Arm) -> Mapping[str, float | None]:
    times = bench.repeat(_OF_PEERS if arm.contender in bench.peers else _TIMES)
    with bench.provider.serving(_MODEL) as url:
        job = arm.job(url, mixtures=times, stream=True)
        result = answered(bench.workers[arm.contender].run(job, seconds=60))
    first = [seconds for seconds in result.first_token if seconds is not None]
    median = statistics.median(first) if first else None
    return {
        "first token": median,
        _BEHIND: None if median is None else 1000 * (median - _PATH),
        "worst": 1000 * (max(first) - _PATH) if first else None,
        "whole": statistics.median(result.seconds),
    }


def _report(rows: list[Row]) -> CaseReport:
    return CaseReport(
        case="first_token",
        title="The first token of the answer",
        setting=(
            f"6+6+1, every model begins after {_TO_FIRST:g} s and writes {_TOKENS} tokens at "
            f"{_TOKENS_PER_SECOND:g} a second; one mixture at a time, the median of {_TIMES} ({_OF_PEERS} of "
            f"peers). The path: two layers and the aggregator's first token, {_PATH:g} s. A contender that gives "
            "its answer in one piece has its first token at the end."
        ),
        columns=[
            Column(name="first token", unit="s"),
            Column(name=_BEHIND, unit="ms", digits=0),
            Column(name="worst", unit="ms", digits=0),
            Column(name="whole", unit="s"),
        ],
        rows=rows,
        targets=[
            Target(
                what="moa: first token behind the critical path, ms",
                measured=value(rows, "moa", _BEHIND),
                bound=50.0,
                sense="at most",
            )
        ],
    )
