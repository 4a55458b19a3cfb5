"""A record as one HTML page that needs nothing but itself: no network, no script, no second file."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib import resources

from langgraph_moa.record.chart import chart
from langgraph_moa.record.markup import block, facts, inline
from langgraph_moa.record.requests import Requests
from langgraph_moa.record.run_record import RunRecord, Said
from langgraph_moa.record.stages import layer_map, stages
from langgraph_moa.record.wording import in_seconds, in_tokens, moment, total_cost, verdict
from langgraph_moa.summary import Missing

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The browser itself refuses to load or run anything, whatever a text of the record tries."""


def page(record: RunRecord) -> str:
    """Return a page for light and dark, wide and narrow screens, keyboards, screen readers and paper."""
    style = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    requests = Requests(record)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(_title(record))}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            "<main>",
            *_head(record),
            *_conversation(record),
            *layer_map(record),
            *chart(record),
            *stages(record, requests),
            *_requests(requests),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _title(record: RunRecord) -> str:
    question = " ".join(record.messages[-1].text.split())[:60] if record.messages else ""
    return f"{record.mixture}: {question}" if question else record.mixture


def _head(record: RunRecord) -> Iterator[str]:
    fate = "failed" if record.error is not None else "degraded" if record.degraded else "whole"
    calls = sum(len(seat.calls) for stage in record.stages for seat in stage.seats)
    told = {
        "Began": moment(record),
        "Took": in_seconds(record.seconds),
        "Calls": str(calls),
        "Tokens": in_tokens(record.usage),
        "Cost": total_cost(record),
    }
    yield f"<header><h1>{inline(record.mixture)}</h1>"
    yield f'<p class="verdict {fate}">{inline(verdict(record))}</p>'
    yield facts(told.items())
    if record.error is not None:
        yield f'<p class="why">{inline(record.error["message"])}</p>'
    if record.missing:
        yield f'<ul class="why">{"".join(map(_missing, record.missing))}</ul>'
    yield "</header>"


def _missing(gone: Missing) -> str:
    why = f": {gone['reason']}" if gone["reason"] else ""
    seat = f"layer {gone['layer']}, {gone['proposer']} ({gone['model']})"
    status = gone["status"]
    return f"<li>{inline(f'{seat}, {status}{why}')}</li>"


def _conversation(record: RunRecord) -> Iterator[str]:
    *earlier, asked = record.messages or (Said("user", ""),)
    yield '<section aria-labelledby="question"><h2 id="question">Question</h2>'
    if earlier:
        yield f"<details><summary>{len(earlier)} earlier message{'s' * (len(earlier) != 1)}</summary>"
        yield from map(_message, earlier)
        yield "</details>"
    yield block(asked.text, "Question")
    yield '</section>\n<section aria-labelledby="answer"><h2 id="answer">Answer</h2>'
    yield '<p class="none">There is none.</p>' if record.answer is None else block(record.answer, "Answer")
    yield "</section>"


def _message(said: Said) -> str:
    return f'<p class="role">{inline(said.role)}</p>{block(said.text, f"message of {said.role}")}'


def _requests(requests: Requests) -> Iterator[str]:
    """Yield what models were asked, each request once: the proposers of a layer see mostly the same."""
    yield '<section aria-labelledby="requests"><h2 id="requests">What was asked</h2>'
    for number, (messages, askers) in enumerate(requests.distinct, start=1):
        count = f"{len(messages)} message{'s' * (len(messages) != 1)}"
        yield f"<details><summary>Request {number}: {count}, to {inline(_listed(askers))}</summary>"
        yield f'<div id="request-{number}">{"".join(map(_message, messages))}</div></details>'
    yield "</section>"


def _listed(askers: list[str], most: int = 6) -> str:
    more = len(askers) - most
    return ", ".join(askers[:most]) + (f" and {more} more" if more > 0 else "")
