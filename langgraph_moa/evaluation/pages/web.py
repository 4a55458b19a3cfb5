"""A report as one HTML page that needs nothing but itself: no network, no script, no second file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib import resources

from langgraph_moa.evaluation.labels import one_line
from langgraph_moa.evaluation.pages.cells import columns_of
from langgraph_moa.evaluation.pages.inlining import inlined
from langgraph_moa.evaluation.pages.stamps import judged_by
from langgraph_moa.evaluation.reports import Figure, Report, Table

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The browser itself refuses to load or run anything, whatever a text of the report tries."""


def to_html(report: Report) -> str:
    """Write a report as a page of its own.

    Raises:
        ConfigurationError: A figure's drawing could load or run something.
    """
    style = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(one_line(report.title))}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            "<main>",
            f"<h1>{_text(report.title)}</h1>",
            f'<p class="date">{_text(report.date)}</p>',
            *_notes(report.notes),
            *(line for index, table in enumerate(report.tables, 1) for line in _table(table, f"table-{index}")),
            *(line for index, figure in enumerate(report.figures, 1) for line in _figure(figure, f"figure-{index}")),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _text(text: str) -> str:
    """Return a text as inert HTML whose direction of writing ends with it."""
    return f"<bdi>{escape(one_line(text))}</bdi>"


def _table(table: Table, name: str) -> Iterator[str]:
    columns = columns_of(table)
    kinds = [' class="number"' if column.numeric else "" for column in columns]
    yield f'<section class="scroll" role="region" tabindex="0" aria-labelledby="{name}">'
    yield f'<table>\n<caption id="{name}">{_text(table.title)}</caption>'
    heads = "".join(
        f'<th scope="col"{kind}>{_text(column.name)}</th>' for column, kind in zip(columns, kinds, strict=True)
    )
    yield f"<thead><tr>{heads}</tr></thead>\n<tbody>"
    for row in zip(*(column.cells for column in columns), strict=True):
        cells = "".join(
            f"<td{kind}>{_text(cell)}</td>" if index else f'<th scope="row"{kind}>{_text(cell)}</th>'
            for index, (cell, kind) in enumerate(zip(row, kinds, strict=True))
        )
        yield f"<tr>{cells}</tr>"
    yield "</tbody>\n</table>\n</section>"
    if table.judge is not None:
        yield f'<p class="judge">{_text(judged_by(table.judge))}</p>'
    yield from _notes(table.notes)


def _figure(figure: Figure, name: str) -> Iterator[str]:
    described = {
        "class": "drawing",
        "role": "img",
        "aria-labelledby": f"{name}-title",
        "aria-describedby": f"{name}-words",
    }
    drawing = inlined(figure.svg, title=figure.title, prefix=f"{name}-", attributes=described)
    yield f'<figure>\n<figcaption id="{name}-title">{_text(figure.title)}</figcaption>'
    yield f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{name}-title">\n{drawing}\n</div>'
    yield f'<details><summary>In words</summary><p id="{name}-words">{_text(figure.description)}</p></details>'
    yield "</figure>"


def _notes(notes: Sequence[str]) -> Iterator[str]:
    if notes:
        yield f'<ul class="notes">{"".join(f"<li>{_text(note)}</li>" for note in notes)}</ul>'
