"""What happens in a run, told while it happens on LangGraph's `custom` stream."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from langgraph_moa.proposal import Failure, Proposal, Status
from langgraph_moa.savings import AGREED

EventKind = Literal["planned", "started", "first_token", "finished", "failed", "cancelled", "aggregating", "done"]
CALLBACK_EVENT = "moa.progress"
"""Name under which callbacks hear of every event, in `on_custom_event`."""


class ProgressEvent(TypedDict):
    """One event of one call, or `planned` for a run. `stream(..., stream_mode="custom")` yields it as a plain dict."""

    type: Literal["moa"]
    event: EventKind
    mixture: str
    layer: int | None
    """Counted from 1; `None` for the aggregator of the mixture, and where a run is planned."""
    slot: str
    """The proposer's slot; `"aggregator"`, or `"join"` for a layer's own aggregator."""
    model: str
    calls: NotRequired[int]
    """Model calls that a run plans, those of nested mixtures included."""
    seconds: NotRequired[float | None]
    """In which the seat's models were asked, waiting apart; `None` when no request was made."""
    tokens: NotRequired[int | None]
    """Output tokens; `None` when the provider did not report them."""
    status: NotRequired[Status]
    error: NotRequired[Failure | None]


def progress(event: EventKind, mixture: str, layer: int | None, slot: str, model: str) -> ProgressEvent:
    """Return an event that only says where the run is."""
    return ProgressEvent(type="moa", event=event, mixture=mixture, layer=layer, slot=slot, model=model)


def planned(mixture: str, model: str, calls: int) -> ProgressEvent:
    """Return the event for the beginning of a run."""
    return {**progress("planned", mixture, None, "aggregator", model), "calls": calls}


def ended(mixture: str, proposal: Proposal) -> ProgressEvent:
    """Return the event for a proposer's end: `finished`, `cancelled`, or `failed` for every other status.

    Also for one that was not asked, whose status is `skipped`: `is_spared` tells whether the others agreed without it.
    """
    status = proposal["status"]
    event: EventKind = "finished" if status == "ok" else "cancelled" if status == "cancelled" else "failed"
    return _told(event, mixture, proposal["layer"], proposal)


def is_spared(event: ProgressEvent) -> bool:
    """Say whether an event tells of a proposer that was not asked because the ones before it agreed."""
    error = event.get("error")
    return event.get("status") == "skipped" and error is not None and error["kind"] == AGREED


def done(mixture: str, answer: Proposal) -> ProgressEvent:
    """Return the event for the end of a run.

    Args:
        mixture: Its name.
        answer: The record of the aggregator's calls.
    """
    return _told("done", mixture, None, answer)


def _told(event: EventKind, mixture: str, layer: int | None, proposal: Proposal) -> ProgressEvent:
    usage = proposal["usage"]
    return ProgressEvent(
        type="moa",
        event=event,
        mixture=mixture,
        layer=layer,
        slot=proposal["proposer"],
        model=proposal["served_model"] or proposal["model"],
        seconds=proposal["latency"],
        tokens=usage["output_tokens"] if usage else None,
        status=proposal["status"],
        error=proposal["error"],
    )
