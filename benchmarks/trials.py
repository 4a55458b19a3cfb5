"""Asking one contender once: a case tells what came of it, whatever that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.bench import Bench
from benchmarks.peers import errors
from benchmarks.protocol import Job, Result
from benchmarks.reports import Row
from benchmarks.workers import ContenderError

SIX = ["m1", "m2", "m3", "m4", "m5", "m6"]
"""Proposers of one layer; a layer after it has the same ones, since some peers know no other shape."""
AGGREGATOR = "aggregator"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A row of a table: a contender, and how it is set up."""

    contender: str
    """Its short name."""
    setting: str = ""
    """What makes this arm another one than the contender's others."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the job."""
    depth: int = 3
    """Stages of model calls; 3 are two layers of six and an aggregator."""

    @property
    def name(self) -> str:
        """Name of the row."""
        return f"{self.contender}, {self.setting}" if self.setting else self.contender

    def job(self, url: str | None, **fields: Any) -> Job:  # noqa: ANN401 - fields of `Job`
        """Return a job for this arm."""
        layers = [SIX] * (self.depth - 1)
        return Job(layers=layers, aggregator=AGGREGATOR, url=url, options=dict(self.options), **fields)


def arms(bench: Bench, *ours: Arm | str, depth: int = 3) -> list[Arm]:
    """Return the arms of a case: those named of this environment, and the peers that run."""
    named = [*ours, *bench.peers]
    return [Arm(contender=arm, depth=depth) if isinstance(arm, str) else arm for arm in named]


def rows_of(bench: Bench, measured: Sequence[Arm], measure: Callable[[Arm], Mapping[str, float | None]]) -> list[Row]:
    """Measure one arm after the other; a peer that cannot run has a row of its own.

    Args:
        bench: The run.
        measured: The arms.
        measure: Returns the figures of an arm, or raises why it has none.
    """
    rows = []
    for arm in measured:
        try:
            rows.append(Row(contender=arm.name, values=measure(arm)))
        except ContenderError as error:
            rows.append(Row(contender=arm.name, error=errors.of_worker(str(error))))
    return [*rows, *(Row(contender=name, error=error) for name, error in bench.broken.items())]


def answered(result: Result) -> Result:
    """Return a result of which every mixture gave an answer.

    Raises:
        ContenderError: One did not; the first error is told.
    """
    if result.answered < len(result.answers):
        raise ContenderError(next((error for error in result.errors if error), "no answer"))
    return result


def value(rows: Sequence[Row], name: str, column: str) -> float | None:
    """Return one figure of a table; `None`: there is none."""
    return next((row.values.get(column) for row in rows if row.contender == name), None)


def ratio(numerator: float | None, denominator: float | None) -> float | None:
    """Return a ratio; `None`: one of the two is unknown, or there is nothing to divide by."""
    return None if numerator is None or not denominator else numerator / denominator
