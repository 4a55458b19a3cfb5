"""What an evaluation found: tables, figures and what must be said beside them. Data alone; `pages` writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.scores import JudgeStamp

Cell = str | int | float | None
"""`None`: unknown, written as an en dash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of figures that may be compared with each other."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    judge: JudgeStamp | None = None
    """Who gave the scores in it; `None`: it holds none."""
    notes: Sequence[str] = ()
    """What a reader must know to read it right, such as how many answers are unscored."""

    def __post_init__(self) -> None:
        """Refuse rows of another length."""
        for row in self.rows:
            if len(row) != len(self.columns):
                size = f"{len(row)} cells for {len(self.columns)} columns"
                msg = f"table {self.title!r}: a row has {size}: {list(row)!r:.200}"
                raise ConfigurationError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A drawing, with what it shows in words."""

    title: str
    svg: str
    """A whole `<svg>` element that loads nothing."""
    description: str
    """For readers who do not see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one command found."""

    title: str
    date: str
    """ISO date of the run."""
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    notes: Sequence[str] = ()
    """Warnings and limits, first of all those that a reader must not miss."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Everything that the tables and figures are made of, as plain data."""


def only_judge(stamps: Sequence[JudgeStamp], *, table: str) -> JudgeStamp | None:
    """Return the one judge of the scores of a table; `None` when there are no scores.

    Raises:
        ConfigurationError: There are several: their scores are not comparable.
    """
    distinct = list(dict.fromkeys(stamps))
    if len(distinct) > 1:
        names = ", ".join(
            f"{stamp.model} ({stamp.date}{', ' + stamp.settings if stamp.settings else ''})" for stamp in distinct
        )
        msg = f"table {table!r} would hold scores of different judges: {names}. Make one table for each"
        raise ConfigurationError(msg)
    return distinct[0] if distinct else None
