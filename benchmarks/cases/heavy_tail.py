"""(e) Latencies as in life: most calls take about the median, some far longer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from benchmarks.bench import Bench
from benchmarks.quantiles import quantile
from benchmarks.reports import CaseReport, Column, Row, Target
from benchmarks.trials import AGGREGATOR, Arm, answered, arms, ratio, rows_of, value
from langgraph_moa.testing import Behaviour, Latency

_PROPOSER = Behaviour(latency=Latency(median=0.2, sigma=1.0))
_AGGREGATOR = replace(_PROPOSER, reply=" ".join(["word"] * 8), tokens_per_second=80)
_MIXTURES, _OF_PEERS = 200, 60
_CONCURRENCY = 12
"""So few that a contender's process mostly waits: its queue of work shall not be what is measured."""
_QUORUM = {"layer": {"quorum": 4, "grace": 0.05}}
_WITH_QUORUM = "quorum 4, grace 50 ms"
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_BOUND = 0.5
_SHAPES = {2: "6+1", 3: "6+6+1"}


def run(bench: Bench) -> CaseReport:
    """Ask many mixtures of a provider with a heavy tail."""
    measured = [
        *(_ours(depth, quorum=quorum) for depth in (3, 2) for quorum in (False, True)),
        *arms(bench, "gather", "fan_out", "reference", depth=2),
    ]
    return _report(rows_of(bench, measured, lambda arm: _figures(bench, arm)))


def _ours(depth: int, *, quorum: bool) -> Arm:
    setting = f"{_SHAPES[depth]}, {_WITH_QUORUM}" if quorum else _SHAPES[depth]
    return Arm(contender="moa", setting=setting, options=_QUORUM if quorum else {}, depth=depth)


def _figures(bench: Bench, arm: Arm) -> Mapping[str, float | None]:
    times = _OF_PEERS if arm.contender in bench.peers else _MIXTURES
    mixtures = 12 if bench.is_quick else times
    with bench.provider.serving(
        _PROPOSER, **{AGGREGATOR: _AGGREGATOR}
    ) as url:  # anew for each arm, so that all meet the same draws
        job = arm.job(url, mixtures=mixtures, concurrency=_CONCURRENCY, stream=True)
        result = answered(bench.workers[arm.contender].run(job, seconds=90))
    first = [seconds for seconds in result.first_token if seconds is not None]
    return {
        **{f"first token {name}": quantile(first, share) for name, share in _SHARES.items()},
        **{f"whole {name}": quantile(result.seconds, share) for name, share in _SHARES.items()},
        "processor": result.processor / result.elapsed,
        "mixtures": float(mixtures),
    }


def _report(rows: list[Row]) -> CaseReport:
    targets = [
        Target(
            what=f"first token, p95, {shape}: with {_WITH_QUORUM} / waiting for all",
            measured=ratio(
                value(rows, _ours(depth, quorum=True).name, "first token p95"),
                value(rows, _ours(depth, quorum=False).name, "first token p95"),
            ),
            bound=_BOUND,
            sense="at most",
        )
        for depth, shape in _SHAPES.items()
    ]
    return CaseReport(
        case="heavy_tail",
        title="A heavy tail: lognormal latency, sigma 1",
        setting=(
            "Every call waits a lognormal time (median 200 ms, sigma 1), the aggregator's too, which then writes "
            f"8 tokens at 80 a second; {_MIXTURES} mixtures ({_OF_PEERS} of peers), {_CONCURRENCY} at a time, "
            "streamed; the same seeds for every arm. Rows without a shape are 6+1. The aggregator's own tail, "
            "which no quorum shortens, is in every figure. A contender that gives its answer in one piece has "
            "its first token at the end."
        ),
        columns=[
            *(Column(name=f"first token {name}", unit="s") for name in _SHARES),
            *(Column(name=f"whole {name}", unit="s") for name in _SHARES),
            Column(name="processor", unit="cores", digits=2),
            Column(name="mixtures", digits=0),
        ],
        rows=rows,
        targets=targets,
    )
