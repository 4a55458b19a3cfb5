"""What is measured: each module is one case, with a `run` that returns its report."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.bench import Bench
from benchmarks.cases import (
    critical_path,
    faults,
    fidelity,
    first_token,
    growth,
    heavy_tail,
    hedging,
    hung,
    memory,
    overhead,
    overlap,
    prefix,
    start_up,
    throughput,
    wide,
)
from benchmarks.reports import CaseReport

CASES: tuple[Callable[[Bench], CaseReport], ...] = (
    critical_path.run,
    wide.run,
    overhead.run,
    throughput.run,
    heavy_tail.run,
    hung.run,
    faults.run,
    first_token.run,
    fidelity.run,
    prefix.run,
    memory.run,
    growth.run,
    start_up.run,
    hedging.run,
    overlap.run,
)
"""In the order of the tables."""
