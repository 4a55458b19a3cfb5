"""The timeline of a page: a table that reads as one, whose last column is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from langgraph_moa.record.markup import inline
from langgraph_moa.record.run_record import RunRecord
from langgraph_moa.record.timeline import Bar, Row, Timeline, timeline
from langgraph_moa.record.wording import UNKNOWN, duration, in_seconds

_FATES = {"ok": "ok", "error": "failed", "cancelled": "cancelled", "open": "not ended", None: UNKNOWN}
_LEGEND = (("ok", "answered"), ("error", "failed"), ("cancelled", "cancelled"), ("open", "not ended"))


def chart(record: RunRecord) -> Iterator[str]:
    """Yield the section that shows when each call began and ended."""
    laid_out = timeline(record)
    if not laid_out.rows:
        return
    yield '<section aria-labelledby="timeline"><h2 id="timeline">Timeline</h2>'
    keys = "".join(f'<span><i class="bar {fate}"></i>{word}</span>' for fate, word in _LEGEND)
    yield f'<p class="legend" aria-hidden="true">{keys}<span><i class="bar ok"><b></b></i>first token</span></p>'
    dense = " dense" if len(laid_out.rows) > 40 else ""  # noqa: PLR2004 - what a screen shows of them
    yield f'<table class="timeline{dense}" aria-labelledby="timeline"><thead><tr>'
    heads = ("Call", "Ended", "Began", "First token", "Took")
    yield "".join(f'<th scope="col" class="{_kind(head)}">{head}</th>' for head in heads)
    yield f'<th class="axis" aria-hidden="true">{_axis(laid_out)}</th></tr></thead>'
    for stage, rows in groupby(laid_out.rows, key=lambda row: row.stage):
        yield f'<tbody><tr class="stage"><th scope="rowgroup">{inline(stage)}</th></tr>'
        yield from map(_row, rows)
        yield "</tbody>"
    yield "</table></section>"


def _row(row: Row) -> str:
    name = f"{inline(row.slot)}{f' <small>{inline(row.kind)}</small>' if row.kind else ''}"
    cells = (
        ("ended", _FATES[row.fate]),
        ("began", in_seconds(row.started)),
        ("first", duration(row.started, row.first_token)),
        ("took", duration(row.started, row.finished)),
    )
    told = "".join(f'<td class="{kind}">{text}</td>' for kind, text in cells)
    return f'<tr><th scope="row">{name}</th>{told}<td class="axis" aria-hidden="true">{_bar(row)}</td></tr>'


def _bar(row: Row) -> str:
    bar: Bar | None = row.bar
    if bar is None:
        return ""
    first = "" if bar.first_token is None else f'<b style="left:{bar.first_token:.2f}%"></b>'
    return f'<i class="bar {row.fate}" style="left:{bar.left:.2f}%;width:{bar.width:.2f}%">{first}</i>'


def _axis(laid_out: Timeline) -> str:
    last = laid_out.ticks[-1]
    return "".join(_mark(tick, laid_out.seconds, is_last=tick == last > 0) for tick in laid_out.ticks)


def _mark(tick: float, seconds: float, *, is_last: bool) -> str:
    place = 100 * tick / seconds if seconds else 0.0
    kind = ' class="end"' if is_last else ""
    return f'<span style="left:{place:.2f}%"{kind}>{in_seconds(tick) if tick else "0"}</span>'


def _kind(head: str) -> str:
    return head.partition(" ")[0].lower()
