"""What a case has measured, as data."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

_HOLDS = {"at most": operator.le, "at least": operator.ge}


@dataclass(frozen=True, kw_only=True)
class Column:
    """A measure."""

    name: str
    unit: str = ""
    digits: int = 3


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a case has measured of one contender."""

    contender: str
    values: Mapping[str, float | None] = field(default_factory=dict)
    """By the name of the column; `None`: there is none."""
    error: str | None = None
    """Why the contender has no figures, or not all."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What was wanted, and what is."""

    what: str
    measured: float | None
    bound: float
    sense: Literal["at most", "at least"]

    @property
    def met(self) -> bool:
        """Whether it holds; what was not measured does not."""
        return self.measured is not None and _HOLDS[self.sense](self.measured, self.bound)


@dataclass(frozen=True, kw_only=True)
class CaseReport:
    """One table and what was wanted of it."""

    case: str
    """A short name, such as `critical_path`."""
    title: str
    setting: str
    """What was run: shapes, delays, repetitions."""
    columns: Sequence[Column]
    rows: Sequence[Row]
    targets: Sequence[Target] = ()
    error: str | None = None
    """Why it has no figures."""
