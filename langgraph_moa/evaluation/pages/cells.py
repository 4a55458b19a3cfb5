"""The cells of a table as text: the numbers of a column have as many decimals, and compare at a glance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from langgraph_moa.evaluation.labels import DASH, number, one_line
from langgraph_moa.evaluation.reports import Cell, Table

_DIGITS = 5
"""Significant ones that a fraction keeps."""
_DECIMALS = 6
"""At most."""


class Column(NamedTuple):
    """One column, from the top down."""

    name: str
    cells: list[str]
    numeric: bool
    """All that is known in it is a number."""


def columns_of(table: Table) -> list[Column]:
    """Return the columns of a table; what is unknown is an en dash."""
    names = [one_line(name) for name in table.columns]
    return [_column(name, [row[index] for row in table.rows]) for index, name in enumerate(names)]


def _column(name: str, cells: Sequence[Cell]) -> Column:
    known = [cell for cell in cells if cell is not None]
    decimals = max((_decimals(cell) for cell in known if isinstance(cell, float)), default=0)
    numeric = bool(known) and not any(isinstance(cell, str) for cell in known)
    return Column(name, [_text(cell, decimals) for cell in cells], numeric)


def _text(cell: Cell, decimals: int) -> str:
    if isinstance(cell, str):
        return one_line(cell)
    if isinstance(cell, float) and math.isfinite(cell) and abs(cell) < 10**15:
        least = 10**-decimals
        return number(cell) if 0 < abs(cell) < least else f"{cell:,.{decimals}f}"
    return DASH if cell is None else number(cell)


def _decimals(value: float) -> int:
    """Return the decimals that a value needs to show its first digits, trailing zeros aside."""
    if not math.isfinite(value) or value == 0:
        return 0
    wanted = min(_DECIMALS, max(0, _DIGITS - 1 - math.floor(math.log10(abs(value)))))
    return len(f"{value:.{wanted}f}".partition(".")[2].rstrip("0"))
