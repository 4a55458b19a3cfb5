"""How a run is made, as far as its results do not depend on it."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from langgraph_moa.checks import number, text, whole_number
from langgraph_moa.evaluation.runs.jobs import Outcome

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Of `run_jobs`, but for `limit` and `seed`, which choose the samples that jobs are made of: see `choose`."""

    concurrency: int = 8
    """Jobs under way at a time, on this machine or on the whole cluster."""
    limit: int | None = None
    """Samples at most; `None`: all."""
    seed: int | None = None
    """Which ones, where there is a limit: the first, or with a seed those that it draws."""
    max_cost: float | None = None
    """US dollars that this run may spend at most, earlier runs of the same log apart."""
    cluster: str | None = None
    """Address of a Dask scheduler, such as `tcp://10.0.0.1:8786`; `None`: this process does the work."""

    def __post_init__(self) -> None:
        """Check every field."""
        whole_number("RunOptions.concurrency", self.concurrency, low=1)
        if self.limit is not None:
            whole_number("RunOptions.limit", self.limit, low=1)
        if self.seed is not None:
            whole_number("RunOptions.seed", self.seed, low=0)
        number("RunOptions.max_cost", self.max_cost, low=0)
        text("RunOptions.cluster", self.cluster)

    def after(self, outcome: Outcome) -> RunOptions:
        """Return the options of what follows in the same run, with what is left of the budget."""
        if self.max_cost is None:
            return self
        used = (outcome.spent or 0.0) + outcome.unaccounted
        return replace(self, max_cost=max(0.0, self.max_cost - used))

    def choose(self, items: Iterable[Item], key: Callable[[Item], str]) -> Iterator[Item]:
        """Yield the items that the run is about: all of them, or `limit` of them.

        With a seed the drawn ones come in the order in which they were drawn, a larger limit goes on where a smaller
        one ended, and neither depends on the order of the file. No more than `limit` of them are in memory.
        """
        if self.limit is None or self.seed is None:
            return islice(items, self.limit)
        return iter(heapq.nsmallest(self.limit, items, key=lambda item: _lot(self.seed, key(item))))


def _lot(seed: int | None, key: str) -> bytes:
    return hashlib.sha256(f"{seed} {key}".encode("utf-8", "surrogatepass")).digest()
