"""Runs as a table and as text: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

from langgraph_moa.notebook.runs import Row, WatchedRun
from langgraph_moa.printable import one_line
from langgraph_moa.surrogates import well_formed

_MARKS = {"answering": "▸", "done": "✓", "failed": "✗", "cancelled": "-", "not needed": "="}
_COLOURS = {"answering": "#388bfd", "done": "#2da44e", "failed": "#e5534b", "cancelled": "#bf8700"}
"""Of the marks, seen on white and on black; every state is written out as well."""
_OVER = ("done", "failed", "cancelled", "not needed", "not asked")
_MOST_ROWS = 16
"""Calls that a stage shows when it is over; of more, it shows those that gave nothing."""
_LONGEST_REASON = 200
_HEADINGS = ("slot", "model", "state", "seconds", "tokens")
_CELL = "padding:1px 12px 1px 0;text-align:left;vertical-align:top"


def as_html(runs: Sequence[WatchedRun], now: float) -> str:
    """Return a table for each run, without script, style sheet or anything to load.

    Args:
        runs: In the order in which they began.
        now: By the clock that the runs were watched with.
    """
    return "".join(_table(run, now) for run in runs)


def as_text(runs: Sequence[WatchedRun], now: float) -> str:
    """Return the same as lines."""
    return "\n".join(line for run in runs for line in _lines(run, now))


def told(title: str, row: Row) -> str:
    """Return a line for one call, which no terminal takes for a command."""
    figures = [] if row.seconds is None else [f"{row.seconds:.1f} s"]
    figures += [] if row.tokens is None else [f"{row.tokens} tokens"]
    reason = [] if row.reason is None else [_reason(row.reason)]
    return one_line(well_formed(f"{title}, {row.slot}: {', '.join([row.state, *figures, *reason])}"))


def is_over(row: Row) -> bool:
    """Say whether nothing more is to be told of a call."""
    return row.state in _OVER


def _lines(run: WatchedRun, now: float) -> Iterator[str]:
    yield one_line(well_formed(run.headline(now)))
    for stage, rows in run.stages(now):
        for row in rows:
            yield f"  {told(stage.title, row)}"


def _table(run: WatchedRun, now: float) -> str:
    heads = "".join(f'<th scope="col" style="{_CELL}">{name}</th>' for name in _HEADINGS)
    bodies = "".join(_body(stage.title, rows) for stage, rows in run.stages(now))
    return (
        '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">'
        f'<caption style="text-align:left;font-weight:bold">{_safe(run.headline(now))}</caption>'
        f"<thead><tr>{heads}</tr></thead>{bodies}</table>"
    )


def _body(title: str, rows: Sequence[Row]) -> str:
    counts = ", ".join(f"{times} {state}" for state, times in Counter(row.state for row in rows).items())
    is_long = len(rows) > _MOST_ROWS and all(map(is_over, rows))
    shown = [row for row in rows if row.state != "done"] if is_long else rows
    heading = f'<tr><th scope="rowgroup" colspan="{len(_HEADINGS)}" style="{_CELL}">{_safe(title)}: {counts}</th></tr>'
    return f"<tbody>{heading}{''.join(map(_line, shown))}</tbody>"


def _line(row: Row) -> str:
    mark = f'<span style="color:{_COLOURS.get(row.state, "inherit")}">{_MARKS.get(row.state, "·")}</span>'
    reason = "" if row.reason is None else f": {_safe(_reason(row.reason))}"
    seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
    tokens = "" if row.tokens is None else str(row.tokens)
    cells = (
        f'<th scope="row" style="{_CELL};font-weight:normal">{_safe(row.slot)}</th>',
        f'<td style="{_CELL}">{_safe(row.model)}</td>',
        f'<td style="{_CELL}">{mark} {row.state}{reason}</td>',
        f'<td style="{_CELL}">{seconds}</td>',
        f'<td style="{_CELL}">{tokens}</td>',
    )
    return f"<tr>{''.join(cells)}</tr>"


def _reason(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 1]}…"


def _safe(text: str) -> str:
    return escape(well_formed(text))
