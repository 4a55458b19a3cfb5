"""What a run may spend: no job begins that could pass the limit together with those under way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.runs.jobs import Job

Estimate: TypeAlias = Callable[[Job], float | None]
"""US dollars that a job takes at most; `None`: unknown."""
_ROUNDING = 1e-9


class Spending:
    """Dollars of one run.

    Args:
        max_cost: What it may spend at most; `None`: nothing is held back.
        estimate: What a job takes at most.

    Raises:
        ConfigurationError: There is a limit and nothing to estimate with.
    """

    def __init__(self, max_cost: float | None, estimate: Estimate | None) -> None:
        if max_cost is not None and estimate is None:
            msg = "max_cost needs to know what a job may cost, and nothing says so here: leave max_cost out"
            raise ConfigurationError(msg)
        self._max_cost = max_cost
        self._estimate = estimate
        self._spent: float | None = None
        self._assumed = 0.0
        self._held = 0.0

    @property
    def spent(self) -> float | None:
        """US dollars that jobs have told; `None` when none has."""
        return self._spent

    @property
    def assumed(self) -> float:
        """US dollars at most of jobs that have ended and not told theirs."""
        return self._assumed

    def price(self, job: Job) -> float:
        """Return what is held back for a job; 0 where there is no limit.

        Raises:
            ConfigurationError: There is a limit, and nobody knows what the job may cost.
        """
        if self._max_cost is None or self._estimate is None:
            return 0.0
        cost = self._estimate(job)
        if cost is None:
            msg = f"max_cost is set, but what {job.key!r} may cost is unknown: a model has no price, or no max_tokens"
            raise ConfigurationError(f"{msg}. Give prices and max_tokens, or leave max_cost out")
        return cost

    def allows(self, price: float) -> bool:
        """Say whether a job of this price can begin now."""
        if self._max_cost is None:
            return True
        return (self._spent or 0) + self._assumed + self._held + price <= self._max_cost + _ROUNDING

    def begin(self, price: float) -> None:
        """Hold back what a job takes at most."""
        self._held += price

    def end(self, price: float, cost: float | None) -> None:
        """Take in what a job took; where it does not tell, such as one that failed, what was held back counts."""
        self._held -= price
        if isinstance(cost, int | float) and math.isfinite(cost):
            self._spent = (self._spent or 0) + cost
        else:
            self._assumed += price

    def why_not(self, price: float) -> str:
        """Say why a job of this price cannot begin."""
        assumed = f", and up to ${self._assumed:.4f} went into jobs that do not tell" if self._assumed else ""
        used = f"${self._spent or 0:.4f} were spent{assumed}"
        return f"max_cost is ${self._max_cost:.4f}: {used}, and the next job may take ${price:.4f}"
