"""A record as Markdown, which reads well as text too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from langgraph_moa.record.requests import Requests
from langgraph_moa.record.run_record import RunRecord, Said, Seat, Stage
from langgraph_moa.record.timeline import timeline
from langgraph_moa.record.wording import (
    UNKNOWN,
    duration,
    in_dollars,
    in_seconds,
    in_tokens,
    model_of,
    moment,
    outcome_word,
    status_words,
    total_cost,
    verdict,
)

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!$])")
_LEADING = re.compile(r"^([0-9]*)([-+=.)])")
_TICKS = re.compile(r"`+")


def markdown(record: RunRecord) -> str:
    """Return a record as Markdown."""
    return "\n".join(_parts(record)) + "\n"


def _parts(record: RunRecord) -> Iterator[str]:
    yield f"# {_plain(record.mixture)}\n"
    facts = {"Began": moment(record), "Took": in_seconds(record.seconds), "Tokens": in_tokens(record.usage)}
    yield f"**{_plain(verdict(record))}**\n"
    yield from (f"- {name}: {_plain(told)}" for name, told in (*facts.items(), ("Cost", total_cost(record))))
    if record.error is not None:
        yield f"- error: {_plain(record.error['message'])}"
    for gone in record.missing:
        why = f": {gone['reason']}" if gone["reason"] else ""
        seat = f"layer {gone['layer']}, {gone['proposer']}, {gone['status']}{why}"
        yield f"- missing: {_plain(seat)}"
    yield "\n## Question\n"
    yield from _messages(record.messages)
    yield "## Answer\n"
    yield "There is none.\n" if record.answer is None else fenced(record.answer)
    yield from _timeline(record)
    requests = Requests(record)
    for stage in record.stages:
        yield from _stage(stage, requests)
    yield "## What was asked\n"
    for number, (messages, askers) in enumerate(requests.distinct, start=1):
        yield f"### Request {number}\n\nTo {_plain(', '.join(askers))}.\n"
        yield from _messages(messages)


def _timeline(record: RunRecord) -> Iterator[str]:
    rows = [
        (
            f"{row.stage} {row.slot}" if row.stage != row.slot else row.slot,
            row.kind,
            row.model,
            "" if row.fate is None else row.fate,
            in_seconds(row.started),
            duration(row.started, row.first_token),
            duration(row.started, row.finished),
        )
        for row in timeline(record).rows
    ]
    yield "## Timeline\n"
    yield from _table(("seat", "call", "model", "ended", "began", "first token", "took"), rows)


def _stage(stage: Stage, requests: Requests) -> Iterator[str]:
    yield f"## {_plain(stage.title.capitalize())}\n"
    head = ("slot", "model", "status", "took", "attempts", "tokens", "cost")
    yield from _table(head, [_facts(seat) for seat in stage.seats])
    for seat in stage.seats:
        yield f"### {_plain(seat.slot)}\n"
        if seat.error is not None:
            yield f"{_plain(seat.error['message'])}\n"
        if seat.text:
            yield fenced(seat.text)
        for call in seat.calls:
            number = requests.number(call)
            saw = "" if number is None else f", saw request {number}"
            error = "" if call.error is None else f": {call.error}"
            yield f"- {_plain(f'{call.model}, {outcome_word(call.outcome)}{saw}{error}')}"
            if call.said and call.said.strip() != seat.text.strip():
                yield f"\n{fenced(call.said)}"
        yield ""


def _facts(seat: Seat) -> tuple[str, ...]:
    attempts = UNKNOWN if seat.attempts is None else str(seat.attempts)
    took = duration(seat.started, seat.finished)
    return seat.slot, model_of(seat), status_words(seat), took, attempts, in_tokens(seat.usage), in_dollars(seat.cost)


def _messages(messages: Sequence[Said]) -> Iterator[str]:
    for said in messages:
        yield f"{_plain(said.role)}:\n\n{fenced(said.text)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(map(_plain, row))} |" for row in rows)
    yield ""


def fenced(text: str) -> str:
    """Return a text in a fence longer than any that stands in it."""
    longest = max((len(ticks) for ticks in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}\n"


def _plain(text: str) -> str:
    """Return a text in one line that means nothing but itself."""
    return _LEADING.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", " ".join(text.split())))
