"""The seats of a run: what each told of itself, wrote and asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from langchain_core.messages import AIMessage

from langgraph_moa.errors import MoAError
from langgraph_moa.events import ProgressEvent
from langgraph_moa.failures import failure_of
from langgraph_moa.proposal import Proposal, Status, visible_text
from langgraph_moa.record.calls import LONGEST_ERROR, Asked, Key, asked_by, seat_of
from langgraph_moa.record.hearing import Heard, HeardMixture
from langgraph_moa.record.run_record import Call, Seat
from langgraph_moa.summary import SlotUsage

AGGREGATOR: Key = (None, "aggregator")
_BEGINS = {"started", "aggregating"}
_NONE_ASKED = Asked(0, ())


@dataclass(frozen=True, slots=True)
class Told:
    """What a seat's events say. Times are in seconds since the run began."""

    model: str
    started: float | None = None
    first_token: float | None = None
    finished: float | None = None
    end: ProgressEvent | None = None
    """The event of its end."""


def told_by(run: HeardMixture) -> dict[Key, Told]:
    """Return what each seat has told of itself, in the order in which they began."""
    told: dict[Key, Told] = {}
    for at, event in run.events:
        if event["event"] == "planned":
            continue
        key, seconds = (event["layer"], event["slot"]), at - run.graph.began
        before = told.get(key, Told(event["model"]))
        if event["event"] in _BEGINS:
            told[key] = replace(before, started=seconds)
        elif event["event"] == "first_token":
            told[key] = replace(before, first_token=seconds)
        else:
            told[key] = replace(before, finished=seconds, end=event)
    return told


def asked_in(run: HeardMixture, labels: Mapping[Key, str]) -> dict[Key, Asked]:
    """Return what each seat was asked.

    Args:
        run: What was heard.
        labels: The models that the seats are for.
    """
    found: dict[Key, Asked] = {}
    for node in run.nodes:
        key = seat_of(run.tree, node)
        if key is not None:
            label = labels.get(key, "")
            found[key] = asked_by(run.tree, node, label=label, began=run.graph.began)
    return found


def seat_with(proposal: Proposal, told: Told | None, asked: Asked | None, slot: SlotUsage | None) -> Seat:
    """Return a seat that has written what came of its call.

    Args:
        proposal: What it has written.
        told: `None`: it told nothing, as where an earlier run has asked it.
        asked: `None`: it told of no call.
        slot: Its cost.
    """
    asked = asked or Asked(proposal["attempts"], _untold(proposal))
    began, ended = _span(asked.calls)
    is_skipped = proposal["status"] == "skipped"
    return Seat(
        slot=proposal["proposer"],
        layer=proposal["layer"],
        model=proposal["model"],
        served_model=proposal["served_model"],
        status=proposal["status"],
        text=proposal["text"],
        error=proposal["error"],
        started=None if is_skipped else (told.started if told and told.started is not None else began),
        first_token=told.first_token if told else None,
        finished=None if is_skipped else (told.finished if told and told.finished is not None else ended),
        usage=proposal["usage"],
        cost=None if slot is None else slot["cost"],
        attempts=proposal["attempts"],
        calls=asked.calls,
    )


def seat_without(key: Key, told: Told, asked: Asked | None) -> Seat:
    """Return a seat that had written nothing when the run ended."""
    asked = asked or _NONE_ASKED
    return Seat(
        slot=key[1],
        layer=key[0],
        model=told.model,
        served_model=None,
        status=None,
        text="",
        error=None,
        started=told.started,
        first_token=told.first_token,
        finished=told.finished,
        usage=None,
        cost=None,
        attempts=asked.requests,
        calls=asked.calls,
    )


def aggregator(told: Told, node: Heard, asked: Asked | None, slot: SlotUsage | None, answer: AIMessage | None) -> Seat:
    """Return the seat of the aggregator.

    Args:
        told: Of itself.
        node: Its run.
        asked: `None`: it told of no call.
        slot: Its tokens and its cost, which are known where there is an answer.
        answer: That the run gave; `None`: it failed, was cancelled, or waits for a person.
    """
    end = told.end
    status: Status | None = end.get("status") if end else None
    error = end.get("error") if end else None
    if end is None and isinstance(node.error, MoAError):
        status, error = "error", failure_of(node.error, longest=LONGEST_ERROR)
    seat = seat_without(AGGREGATOR, told, asked)
    return replace(
        seat,
        model=slot["model"] if slot else told.model,
        served_model=slot["served_model"] if slot else None,
        status=status,
        text=visible_text(answer) if answer is not None and status == "ok" else "",
        error=error,
        finished=_ended(told, node),
        usage=slot["usage"] if slot else None,
        cost=slot["cost"] if slot else None,
    )


def in_order(seats: Sequence[Seat]) -> dict[int | None, list[Seat]]:
    """Return seats by their layers, the aggregator last."""
    layers = sorted({seat.layer for seat in seats if seat.layer is not None})
    stages: dict[int | None, list[Seat]] = {layer: [] for layer in (*layers, None)}
    for seat in seats:
        stages[seat.layer].append(seat)
    return {layer: found for layer, found in stages.items() if found}


def _ended(told: Told, node: Heard) -> float | None:
    """Return when the aggregator ended: where it failed, it has told no end."""
    if told.finished is not None or node.ended is None or told.started is None:
        return told.finished
    return told.started + max(0.0, node.ended - node.events[0][0])


def _span(calls: Sequence[Call]) -> tuple[float | None, float | None]:
    began = [call.started for call in calls if call.started is not None]
    ended = [call.finished for call in calls if call.finished is not None]
    return min(began, default=None), max(ended, default=None)


def _untold(proposal: Proposal) -> tuple[Call, ...]:
    """Return the requests of a seat whose model tells callbacks nothing, as far as its proposal knows them."""
    last = len(proposal["calls"])
    return tuple(
        Call(
            model=record["model"],
            started=None,
            first_token=None,
            finished=None,
            outcome="ok" if record["error"] is None else "error",
            error=None if record["error"] is None else f"{record['error']['kind']}: {record['error']['message']}",
            saw=(),
            said=proposal["text"] if number == last else "",
            attempt=number,
            fallback=record["fallback"],
            hedge=record.get("hedge", False),
        )
        for number, record in enumerate(proposal["calls"], start=1)
    )
