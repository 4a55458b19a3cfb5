"""(a) 13 calls of 200 ms: how much longer than its models does a mixture take?"""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.paths import PathCase
from benchmarks.reports import CaseReport
from benchmarks.trials import SIX

_CASE = PathCase(
    case="critical_path",
    title="13 calls of 200 ms",
    layers=[SIX, SIX],
    contenders=["moa", "gather", "fan_out", "reference", "serial"],
    of_path=1.05,
    of_gather=1.05,
)


def run(bench: Bench) -> CaseReport:
    """Measure two layers of six and an aggregator."""
    return _CASE.run(bench)
