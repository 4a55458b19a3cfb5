"""The layers of a page: side by side as a map, then seat by seat."""

from __future__ import annotations

from collections.abc import Iterator

from langgraph_moa.record.markup import attribute, block, facts, inline
from langgraph_moa.record.requests import Requests
from langgraph_moa.record.run_record import Call, RunRecord, Seat, Stage
from langgraph_moa.record.wording import (
    UNKNOWN,
    duration,
    in_dollars,
    in_tokens,
    kind_of,
    model_of,
    outcome_word,
    status_sign,
    status_word,
)

_FEW = 8
"""Seats of a layer whose answers are open from the start."""
_PREVIEW = 90
"""Characters of an answer that are shown while it is closed."""


def layer_map(record: RunRecord) -> Iterator[str]:
    """Yield the layers as columns, with a link to each seat."""
    if not record.stages:
        return
    yield '<nav aria-labelledby="map"><h2 id="map">Layers</h2><ol class="map">'
    for position, stage in enumerate(record.stages):
        wide = " wide" if len(stage.seats) > _FEW else ""
        yield f'<li class="column{wide}"><span class="title">{inline(stage.title)}</span><ul>'
        for number, seat in enumerate(stage.seats):
            yield (
                f'<li><a class="chip {_status(seat)}" href="#{_name(position, number)}">'
                f'<span class="sign" aria-hidden="true">{status_sign(seat)}</span> {inline(seat.slot)} '
                f'<span class="hidden">{status_word(seat)}</span> '
                f"<small>{duration(seat.started, seat.finished)}</small></a></li>"
            )
        yield "</ul></li>"
    yield "</ol></nav>"


def stages(record: RunRecord, requests: Requests) -> Iterator[str]:
    """Yield every stage with what its seats were asked, said and took.

    Args:
        record: Of the run.
        requests: Of the same, to which calls refer by number.
    """
    for position, stage in enumerate(record.stages):
        yield f'<section aria-labelledby="stage-{position}"><h2 id="stage-{position}">{inline(stage.title)}</h2>'
        yield '<div class="grid">'
        for number, seat in enumerate(stage.seats):
            yield from _seat(seat, _name(position, number), stage, requests)
        yield "</div></section>"


def _name(position: int, number: int) -> str:
    return f"seat-{position}-{number}"


def _status(seat: Seat) -> str:
    return seat.status or "open"


def _seat(seat: Seat, name: str, stage: Stage, requests: Requests) -> Iterator[str]:
    told = (
        ("Time", duration(seat.started, seat.finished)),
        ("First token", duration(seat.started, seat.first_token)),
        ("Tokens", in_tokens(seat.usage)),
        ("Cost", in_dollars(seat.cost)),
        ("Attempts", UNKNOWN if seat.attempts is None else str(seat.attempts)),
    )
    yield f'<article class="seat {_status(seat)}" id="{name}" aria-labelledby="{name}-name">'
    yield f'<h3 id="{name}-name">{inline(seat.slot)}</h3>'
    yield (
        f'<p class="badge"><span aria-hidden="true">{status_sign(seat)}</span> {status_word(seat)}</p>'
        f'<p class="model">{inline(model_of(seat))}</p>'
    )
    yield facts((name, value) for name, value in told if value != UNKNOWN)
    if seat.error is not None:
        yield f'<p class="why">{inline(seat.error["message"])}</p>'
    if seat.text:
        yield _text(seat, is_open=len(stage.seats) <= _FEW)
    if seat.calls:
        yield f"<details><summary>{len(seat.calls)} call{'s' * (len(seat.calls) != 1)}</summary><ol>"
        yield from (_call(call, seat, requests) for call in seat.calls)
        yield "</ol></details>"
    yield "</article>"


def _text(seat: Seat, *, is_open: bool) -> str:
    preview = " ".join(seat.text.split())
    short = preview if len(preview) <= _PREVIEW else f"{preview[:_PREVIEW]}…"
    shown = "Answer" if is_open else inline(short)
    box = block(seat.text, f"Answer of {seat.slot}")
    return f"<details{' open' if is_open else ''}><summary>{shown}</summary>{box}</details>"


def _call(call: Call, seat: Seat, requests: Requests) -> str:
    number = requests.number(call)
    saw = "" if number is None else f' <a href="#request-{number}">saw request {number}</a>'
    kind = kind_of(call, seat.calls)
    told = ", ".join([*filter(None, [kind]), outcome_word(call.outcome), duration(call.started, call.finished)])
    error = "" if call.error is None else f'<p class="why">{inline(call.error)}</p>'
    said = ""
    if call.said:
        is_same = call.said.strip() == seat.text.strip()
        said = "<p>said the answer above</p>" if is_same else block(call.said, f"said by {call.model}")
    return f'<li title="{attribute(call.model)}">{inline(call.model)}: {inline(told)}{saw}{error}{said}</li>'
