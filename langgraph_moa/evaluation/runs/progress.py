"""How far a run is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Of a run, at one moment."""

    made: int
    reused: int
    """Results that were in the log already."""
    failed: int
    in_flight: int
    total: int | None
    """Jobs, those with a result in the log included; `None`: not known yet."""
    spent: float | None
    """US dollars so far; `None`: nothing is known of them."""
    seconds: float
    """Since the run began."""

    @property
    def done(self) -> int:
        """Jobs that are over, whatever came of them."""
        return self.made + self.reused + self.failed

    @property
    def rate(self) -> float | None:
        """Jobs a second, those in the log apart; `None` before the first has ended."""
        ended = self.made + self.failed
        return ended / self.seconds if ended and self.seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """At this rate; `None`: nobody can know."""
        if self.total is None or self.rate is None:
            return None
        return max(0, self.total - self.done) / self.rate


class RunWatcher(Protocol):
    """Is told how a run goes; `close` is called whatever happens."""

    def note(self, standing: Standing) -> None:
        """Take in how far it is: at the beginning, after every job and at the end."""

    def close(self) -> None:
        """Let go of the terminal."""
