"""What answers are worth: a value, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from langgraph_moa.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Score:
    """Of one answer to one sample, or of one turn of it."""

    sample: str
    """Id of the sample."""
    value: float | None
    """On the benchmark's own scale; `None`: unscored. An unscored answer is counted apart, and never as 0."""
    why: str | None = None
    """What the judge said in short, or why there is no value."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Plain data to group by, such as `category`, `turn` or `skill`."""

    def __post_init__(self) -> None:
        """Refuse a number that is none."""
        if self.value is not None and not math.isfinite(self.value):
            msg = (
                f"Score.value of {self.sample!r} must be a finite number, or None where there is none; got {self.value}"
            )
            raise ConfigurationError(msg)

    @classmethod
    def unscored(cls, sample: str, why: str, **metadata: Any) -> Score:  # noqa: ANN401 - plain data
        """Return the score of an answer that nobody could judge."""
        return cls(sample, None, why, metadata)


class JudgeStamp(NamedTuple):
    """Who gave scores: those of different stamps never stand in one table."""

    model: str
    """`provider:model`, or how a scorer that is no model is called, such as `exact match`."""
    date: str
    """ISO date on which it judged, or `recorded` with where it comes from."""
    settings: str = ""
    """What else changes a verdict: prompt, temperature, whether both orders were asked."""


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that there are; `None` when there is none."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def mean_score(scores: Iterable[Score]) -> float | None:
    """Return the mean of the scored answers; `None` when none is scored."""
    return mean(score.value for score in scores)
