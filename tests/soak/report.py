"""What came of a soak, and what of it is a failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

MOST_GROWTH = 1.05
"""Memory of the last quarter as a multiple of that of the quarter before."""
_FEWEST_SAMPLES = 8


@dataclass
class SoakReport:
    """What came of a soak."""

    mixtures: int
    concurrency: int
    seconds: float = 0.0
    ended: Counter[str] = field(default_factory=Counter)
    """Mixtures by what they ended in."""
    wrong: list[str] = field(default_factory=list)
    """All that was lost, mixed up, or raised without a type."""
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """Requests by the fault that the provider played."""
    resident: list[int] = field(default_factory=list)
    """Bytes of this process's memory, from sample to sample; empty where it cannot be read."""
    leaked_tasks: int = 0
    leaked_threads: list[str] = field(default_factory=list)
    leaked_sockets: int = 0
    open_requests: int = 0
    """Requests that the provider was still answering at the end."""

    @property
    def growth_of_last_half(self) -> float | None:
        """Median memory of the last quarter as a multiple of that of the third; `None`: too few samples to tell."""
        count = len(self.resident)
        if count < _FEWEST_SAMPLES:
            return None
        return median(self.resident[count * 3 // 4 :]) / median(self.resident[count // 2 : count * 3 // 4])

    @property
    def failures(self) -> list[str]:
        """All for which the soak fails; empty when it passes."""
        return [*self.wrong, *self._leaks()]

    def count(self, counted: dict[str, Any]) -> None:
        """Take in what the provider has counted."""
        self.open_requests = counted["in_flight"]
        for counts in counted["models"].values():
            self.requests += counts.get("requests", 0)
            self.faults.update({kind: number for kind, number in counts.items() if kind != "requests"})

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        shown = {name: value for name, value in vars(self).items() if name not in {"resident", "wrong"}}
        growth = self.growth_of_last_half
        return {
            **shown,
            "faulty": round(self.faults.total() / self.requests, 4) if self.requests else None,
            "megabytes": [round(size / 1e6, 1) for size in self.resident],
            "growth_of_last_half": None if growth is None else round(growth, 4),
            "failures": self.failures,
        }

    def _leaks(self) -> Iterator[str]:
        if self.ended.total() != self.mixtures:
            yield f"{self.ended.total()} of {self.mixtures} mixtures ended"
        growth = self.growth_of_last_half
        if growth is not None and growth > MOST_GROWTH:
            yield f"memory grew by the factor {growth:.3f} over the last half, {MOST_GROWTH} is allowed"
        for name in ("leaked_tasks", "leaked_threads", "leaked_sockets", "open_requests"):
            if left := getattr(self, name):
                yield f"{name}: {left}"
