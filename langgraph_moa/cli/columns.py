"""Plain text in columns, the same on a terminal and in a pipe."""

from __future__ import annotations

from collections.abc import Sequence

Cell = str | int | None


def in_columns(headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Align rows under headings: numbers to the right, text to the left, `None` as a dash."""
    texts = [list(headings), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(headings))]
    numeric = [all(isinstance(row[column], int | None) for row in rows) for column in range(len(headings))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in texts
    )


def _text(cell: Cell) -> str:
    return "-" if cell is None else str(cell)
