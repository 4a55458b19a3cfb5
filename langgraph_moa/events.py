"""What happens in a run, told while it happens on LangGraph's `custom` stream."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from langgraph_moa.proposal import Failure, Proposal, Status

EventKind = Literal["started", "finished", "failed", "cancelled", "aggregating", "first_token", "done"]


class ProgressEvent(TypedDict):
    """One event of one call. `stream(..., stream_mode="custom")` yields it as a plain dict."""

    type: Literal["moa"]
    event: EventKind
    mixture: str
    layer: int | None
    """Counted from 1; `None` for the aggregator of the mixture."""
    slot: str
    """The proposer's slot; `"aggregator"`, or `"join"` for a layer's own aggregator."""
    model: str
    seconds: NotRequired[float | None]
    """In which the seat's models were asked, waiting apart; `None` when no request was made."""
    tokens: NotRequired[int | None]
    """Output tokens; `None` when the provider did not report them."""
    status: NotRequired[Status]
    error: NotRequired[Failure | None]


def progress(event: EventKind, mixture: str, layer: int | None, slot: str, model: str) -> ProgressEvent:
    """Return an event that only says where the run is."""
    return ProgressEvent(type="moa", event=event, mixture=mixture, layer=layer, slot=slot, model=model)


def ended(mixture: str, proposal: Proposal) -> ProgressEvent:
    """Return the event for a proposer's end: `finished`, `cancelled`, or `failed` for every other status."""
    status = proposal["status"]
    usage = proposal["usage"]
    return ProgressEvent(
        type="moa",
        event="finished" if status == "ok" else "cancelled" if status == "cancelled" else "failed",
        mixture=mixture,
        layer=proposal["layer"],
        slot=proposal["proposer"],
        model=proposal["served_model"] or proposal["model"],
        seconds=proposal["latency"],
        tokens=usage["output_tokens"] if usage else None,
        status=status,
        error=proposal["error"],
    )
