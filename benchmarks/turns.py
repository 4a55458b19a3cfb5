"""Contenders measured in turn, so that what disturbs the machine disturbs all of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.bench import Bench
from benchmarks.peers import errors
from benchmarks.protocol import Job, Result
from benchmarks.reports import Row
from benchmarks.trials import Arm, answered
from benchmarks.workers import ContenderError

Measure = Callable[[Result], float]
_SLOW = ("serial",)
"""Of this environment, measured as seldom as peers."""


@dataclass
class Turns:
    """What came of a job that every arm has done in turn, several times."""

    results: dict[str, list[Result]] = field(default_factory=dict)
    """By the name of the arm."""
    errors: dict[str, str] = field(default_factory=dict)
    """Of arms that have none, or not all."""

    def median(self, arm: str, measure: Measure) -> float | None:
        """Return the median of a measure."""
        values = list(map(measure, self.results.get(arm, ())))
        return statistics.median(values) if values else None

    def worst(self, arm: str, measure: Measure) -> float | None:
        """Return the greatest value of a measure."""
        return max(map(measure, self.results.get(arm, ())), default=None)

    def ratio(self, arm: str, other: str, measure: Measure) -> float | None:
        """Return the median of the ratios of pairs: an arm's value, divided by the other's of the same turn."""
        pairs = zip(self.results.get(arm, ()), self.results.get(other, ()), strict=False)
        ratios = [measure(own) / theirs for own, its in pairs if (theirs := measure(its)) > 0]
        return statistics.median(ratios) if ratios else None


def in_turn(
    bench: Bench, arms: Sequence[Arm], job: Callable[[Arm], Job], *, times: int, of_peers: int, seconds: float
) -> Turns:
    """Have every arm do a job, and all of them again.

    Args:
        bench: The run.
        arms: In the order of the turns; one that fails is left out from then on.
        job: Of each arm.
        times: How often.
        of_peers: How often peers do it, and whoever else is slow.
        seconds: After which a contender has failed.
    """
    turns = Turns()
    for turn in range(bench.repeat(times)):
        for arm in arms:
            if arm.name in turns.errors or (arm.contender in (*_SLOW, *bench.peers) and turn >= of_peers):
                continue
            try:
                result = answered(bench.workers[arm.contender].run(job(arm), seconds=seconds))
            except ContenderError as error:
                turns.errors[arm.name] = str(error)
            else:
                turns.results.setdefault(arm.name, []).append(result)
    return turns


def rows(
    bench: Bench, arms: Sequence[Arm], values: Callable[[str], Mapping[str, float | None]], *turns: Turns
) -> list[Row]:
    """Return a row for each arm, and one for each peer that cannot run.

    Args:
        bench: The run.
        arms: In the order of the table.
        values: Returns the figures of the arm of that name.
        turns: That they are from: an arm that failed in one of them has its error beside the figures of the others.
    """
    told = [Row(contender=arm.name, values=values(arm.name), error=_error(arm.name, turns)) for arm in arms]
    return [*told, *(Row(contender=name, error=error) for name, error in bench.broken.items())]


def _error(arm: str, turns: Sequence[Turns]) -> str | None:
    return next((errors.of_worker(each.errors[arm]) for each in turns if arm in each.errors), None)


def mixture_seconds(result: Result) -> float:
    """Return the median of the seconds of a job's mixtures."""
    return statistics.median(result.seconds)


def processor_milliseconds(result: Result) -> float:
    """Return the processor time of a mixture."""
    return 1000 * result.processor / len(result.seconds)


def mixtures_per_second(result: Result) -> float:
    """Return how many mixtures were done in a second."""
    return len(result.seconds) / result.elapsed
