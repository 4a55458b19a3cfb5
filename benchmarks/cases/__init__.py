"""What is measured: each module is one case, with a `run` that returns its report."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.bench import Bench
from benchmarks.cases import faults, fidelity, first_token, heavy_tail, hung, memory, prefix
from benchmarks.reports import CaseReport

CASES: tuple[Callable[[Bench], CaseReport], ...] = (
    heavy_tail.run,
    hung.run,
    faults.run,
    first_token.run,
    fidelity.run,
    prefix.run,
    memory.run,
)
"""In the order of the tables."""
