"""(b) 64 proposers side by side."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.paths import PathCase
from benchmarks.reports import CaseReport

_CASE = PathCase(
    case="wide",
    title="64 proposers side by side",
    layers=[[f"m{number}" for number in range(64)]],
    contenders=["moa", "gather", "fan_out", "reference"],
    of_path=1.10,
    of_gather=1.0,
    times=5,
    of_peers=1,
)


def run(bench: Bench) -> CaseReport:
    """Measure one layer of 64 and an aggregator."""
    return _CASE.run(bench)
