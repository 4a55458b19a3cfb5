"""A report as Markdown, as GitHub and most editors read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from langgraph_moa.evaluation.labels import one_line
from langgraph_moa.evaluation.pages.cells import columns_of
from langgraph_moa.evaluation.pages.stamps import judged_by
from langgraph_moa.evaluation.reports import Figure, Report, Table

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~$&])")
_OPENING = re.compile(r"^(\d{1,9}(?=[.)](\s|$))|(?=[#+\-=:]))")
"""What begins a list, a heading or a rule, and stands before the character to escape."""


def to_markdown(report: Report, *, drawings: Sequence[str] = ()) -> str:
    """Write a report as Markdown.

    Args:
        report: What was found.
        drawings: Addresses of the figures, in their order; without one, a figure is told in words alone.
    """
    blocks = [f"# {escaped(report.title)}", paragraph(report.date), *_notes(report.notes)]
    for table in report.tables:
        blocks += _table(table)
    for index, figure in enumerate(report.figures):
        blocks += _figure(figure, drawings[index] if index < len(drawings) else None)
    return "\n\n".join(block for block in blocks if block) + "\n"


def escaped(text: str) -> str:
    """Return a text in one line that Markdown shows as it is: no mark-up, no HTML, no further column."""
    return _SPECIAL.sub(r"\\\1", one_line(text))


def paragraph(text: str) -> str:
    """Return a text that Markdown shows as it is also where a line begins: no list, no heading."""
    return _OPENING.sub(lambda found: f"{found.group()}\\", escaped(text))


def _table(table: Table) -> Iterator[str]:
    columns = columns_of(table)
    head = [column.name for column in columns]
    rows = list(zip(*(column.cells for column in columns), strict=True))
    rule = ["---:" if column.numeric else "---" for column in columns]
    yield f"## {escaped(table.title)}"
    if columns:
        yield "\n".join([_row(head), f"| {' | '.join(rule)} |", *(_row(row) for row in rows)])
    if table.judge is not None:
        yield paragraph(judged_by(table.judge))
    yield from _notes(table.notes)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"


def _figure(figure: Figure, address: str | None) -> Iterator[str]:
    yield f"## {escaped(figure.title)}"
    if address is not None:
        yield f"![{escaped(figure.title)}](<{address}>)"
    yield paragraph(figure.description)


def _notes(notes: Sequence[str]) -> Iterator[str]:
    if notes:
        yield "\n".join(f"- {paragraph(note)}" for note in notes)
