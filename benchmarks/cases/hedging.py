"""A second call beside one that takes long: what does it buy, and at what price?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.bench import Bench
from benchmarks.quantiles import quantile
from benchmarks.reports import CaseReport, Column, Target
from benchmarks.trials import AGGREGATOR, SIX, Arm, answered, ratio, rows_of, value
from langgraph_moa.testing import Behaviour, Latency

_MEDIAN, _MIXTURES, _CONCURRENCY, _LEARNING = 0.2, 150, 4, 20
_SLOTS: dict[str, Behaviour] = {
    name: Behaviour(latency=Latency(median=_MEDIAN, sigma=1.0), seed=seed) for seed, name in enumerate(SIX)
}
_MODELS = {**_SLOTS, AGGREGATOR: Behaviour(delay=_MEDIAN)}
_PLAIN = Arm(contender="moa", setting="without", depth=2)
_HEDGED = Arm(contender="moa", setting="Hedge()", options={"proposer": {"hedge": {"quantile": 0.95}}}, depth=2)
_EARLY = Arm(
    contender="moa",
    setting="Hedge(quantile=0.8, most=0.2)",
    options={"proposer": {"hedge": {"quantile": 0.8, "most": 0.2}}},
    depth=2,
)


def run(bench: Bench) -> CaseReport:
    """Measure a layer of six with a heavy tail, with and without."""
    rows = rows_of(bench, [_PLAIN, _HEDGED, _EARLY], lambda arm: _figures(bench, arm))
    own = [row for row in rows if row.contender not in bench.broken]
    return CaseReport(
        case="hedging",
        title="Hedging: a second call beside one that takes long",
        setting=(
            f"6+1, proposers lognormal with a median of {_MEDIAN:g} s and sigma 1, the aggregator {_MEDIAN:g} s; "
            f"{_MIXTURES} mixtures, {_CONCURRENCY} at a time, after {_LEARNING} from which the slots have learned "
            "their quantiles. Every mixture waits for all six."
        ),
        columns=[
            Column(name="p50", unit="s"),
            Column(name="p95", unit="s"),
            Column(name="p99", unit="s"),
            Column(name="worst", unit="s"),
            Column(name="extra calls", unit="%", digits=1),
        ],
        rows=own,
        targets=[
            Target(
                what=f"p95 with {_HEDGED.setting} / without",
                measured=ratio(value(own, _HEDGED.name, "p95"), value(own, _PLAIN.name, "p95")),
                bound=0.9,
                sense="at most",
            ),
            Target(
                what=f"extra calls with {_HEDGED.setting}, in percent",
                measured=value(own, _HEDGED.name, "extra calls"),
                bound=10.0,
                sense="at most",
            ),
        ],
    )


def _figures(bench: Bench, arm: Arm) -> Mapping[str, float | None]:
    worker = bench.workers[arm.contender]
    worker.restart()
    counts: dict[str, Any] = (
        {"mixtures": 10, "warm_up": 2} if bench.is_quick else {"mixtures": _MIXTURES, "warm_up": _LEARNING}
    )
    with bench.provider.serving(**_MODELS) as url:
        result = answered(worker.run(arm.job(url, concurrency=_CONCURRENCY, **counts), seconds=240))
        requests = len(bench.provider.requests())
    planned = (counts["mixtures"] + counts["warm_up"]) * len(SIX)
    return {
        "p50": quantile(result.seconds, 0.5),
        "p95": quantile(result.seconds, 0.95),
        "p99": quantile(result.seconds, 0.99),
        "worst": max(result.seconds),
        "extra calls": 100 * (requests - counts["mixtures"] - counts["warm_up"] - planned) / planned,
    }
