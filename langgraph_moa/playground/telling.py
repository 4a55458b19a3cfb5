"""A run as events for a page: who is asked, what each writes, how each ended. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from langchain_core.messages import AIMessageChunk, AnyMessage

from langgraph_moa.mixture import Mixture
from langgraph_moa.playground.markdown import as_html
from langgraph_moa.proposal import Failure, Proposal, Status, visible_text
from langgraph_moa.record import RunRecord
from langgraph_moa.record.run_record import Seat
from langgraph_moa.savings import AGREED
from langgraph_moa.summary import cost_of
from langgraph_moa.surrogates import well_formed
from langgraph_moa.usage import PriceTable, packaged_prices
from langgraph_moa.visible import VisibleStream

Event = dict[str, Any]
"""What is sent as JSON; its `type` says what it is."""
RunStatus = Literal["ok", "degraded", "failed", "stopped"]
_AGGREGATOR = "aggregator"


class Teller:
    """Turns what a graph streams into events.

    Args:
        mixture: What runs.
        html: Makes HTML of a text of Markdown.
    """

    def __init__(self, mixture: Mixture, html: Callable[[str], str] = as_html) -> None:
        self._prices: PriceTable = mixture.prices or packaged_prices()
        self._html = html
        self._answers: dict[str, _Spoken] = {}
        self._earlier: set[str | None] = set()

    def take(self, part: Mapping[str, Any]) -> Iterator[Event]:
        """Yield the events that a part of the stream means, if it means any."""
        data = part["data"]
        if part["type"] == "messages":
            yield from self._spoken(*data)
        elif part["type"] == "custom":
            if data.get("type") == "moa" and data["event"] in ("started", "aggregating"):
                yield {"type": "asked", "node": node_of(data["layer"], data["slot"]), "model": data["model"]}
        elif part["type"] == "updates":
            for node, update in data.items():
                yield from self._ended(node, update or {})

    def _spoken(self, message: AnyMessage, metadata: Mapping[str, Any]) -> Iterator[Event]:
        """Yield a piece of an answer; the pieces of an answer that another one has taken the place of are dropped."""
        node = metadata.get("langgraph_node")
        if not isinstance(message, AIMessageChunk) or not message.text or not isinstance(node, str):
            return
        if message.id in self._earlier:
            return
        answer = self._answers.get(node)
        is_new = answer is None or message.id != answer.identifier
        if answer is None or is_new:
            self._earlier |= {answer.identifier} if answer is not None else set()
            answer = self._answers[node] = _Spoken(message.id)
        text = answer.feed(str(message.text))
        if text or is_new:
            yield {"type": "piece", "node": node, "text": text, "begins": is_new}

    def _ended(self, node: str, update: Mapping[str, Any]) -> Iterator[Event]:
        """Yield the ends of seats that a node's update tells of."""
        if node == _AGGREGATOR:
            yield from self._answered(update)
            return
        for proposal in update.get("proposals") or ():
            yield self._seat(node, proposal)
        for record in (update.get("layers") or {}).values():
            if record.get("synthesis") is not None:
                yield self._seat(node, record["synthesis"])

    def _answered(self, update: Mapping[str, Any]) -> Iterator[Event]:
        for message in (update.get("messages") or ())[-1:]:
            yield {"type": "answer", "node": _AGGREGATOR, "html": self._html(visible_text(message))}

    def _seat(self, node: str, proposal: Proposal) -> Event:
        return {
            "type": "seat",
            "node": node,
            "model": proposal["model"],
            "served_model": proposal["served_model"],
            "status": _word(proposal["status"], proposal["error"]),
            "html": self._html(proposal["text"]),
            "error": proposal["error"],
            "seconds": proposal["latency"],
            "usage": proposal["usage"],
            "cost": cost_of(proposal, self._prices),
            "attempts": proposal["attempts"],
        }


@dataclass
class _Spoken:
    """An answer as far as it has come."""

    identifier: str | None
    visible: VisibleStream = field(default_factory=VisibleStream)
    half: str = ""
    """Of a character, at the end of what has come."""

    def feed(self, piece: str) -> str:
        """Take the next piece and return what can be shown of it."""
        text = self.half + piece
        self.half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return self.visible.feed(well_formed(text.removesuffix(self.half)))


def node_of(layer: int | None, slot: str) -> str:
    """Return the graph's node of a seat."""
    return _AGGREGATOR if layer is None else f"layer_{layer}_{slot}"


def run_status(record: RunRecord) -> RunStatus:
    """Say in a word how a run ended; one whose end was never told was stopped."""
    if record.error is not None:
        return "stopped" if record.error["kind"] in ("CancelledError", "GeneratorExit") else "failed"
    if record.seconds is None:
        return "stopped"
    return "degraded" if record.degraded else "ok"


def question_of(record: RunRecord) -> str:
    """Return the last question of a record's conversation."""
    return next((said.text for said in reversed(record.messages) if said.role == "user"), "")


def summarised(identifier: str, record: RunRecord) -> dict[str, Any]:
    """Return a run as an entry of a list."""
    return {
        "id": identifier,
        "question": question_of(record),
        "mixture": record.mixture,
        "started_at": datetime.fromtimestamp(record.started_at, UTC).isoformat(timespec="seconds"),
        "seconds": record.seconds,
        "status": run_status(record),
    }


def shown(identifier: str, record: RunRecord, html: Callable[[str], str]) -> dict[str, Any]:
    """Return a run as a page draws it: without what each call saw, and with every text as HTML, which `html` makes."""
    return {
        **summarised(identifier, record),
        "html": None if record.answer is None else html(record.answer),
        "error": record.error,
        "usage": record.usage,
        "cost": record.cost,
        "stages": [
            {"title": stage.title, "layer": stage.layer, "seats": [_shown_seat(seat, html) for seat in stage.seats]}
            for stage in record.stages
        ],
    }


def _shown_seat(seat: Seat, html: Callable[[str], str]) -> dict[str, Any]:
    return {
        "slot": seat.slot,
        "node": node_of(seat.layer, seat.slot),
        "model": seat.model,
        "served_model": seat.served_model,
        "status": _word(seat.status, seat.error),
        "html": html(seat.text),
        "error": seat.error,
        "seconds": None if seat.started is None or seat.finished is None else seat.finished - seat.started,
        "usage": seat.usage,
        "cost": seat.cost,
        "attempts": seat.attempts,
    }


def _word(status: Status | None, error: Failure | None) -> str:
    """Return how a seat ended: its status, `spared` where others agreed without it, `stopped` where it did not end."""
    if status is None:
        return "stopped"
    return "spared" if status == "skipped" and error is not None and error["kind"] == AGREED else status
