"""What a run has saved because proposals agreed before all of them were asked for: data only."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import TypedDict

from langgraph_moa.proposal import Failure, Place, Proposal, skipped

AGREED = "Agreed"
"""Kind of the failure of a proposer that was not asked because the ones before it agreed."""


class Saved(TypedDict):
    """What was not asked because proposals agreed."""

    calls: int
    """Of the plan, those of nested mixtures and of the own aggregators of skipped layers included."""
    slots: list[str]
    """Nodes of proposers that were not asked, in layers that were."""
    layers: list[int]
    """That were skipped, counted from 1."""
    why: str
    """Who agreed on what, or that nobody did."""


class Spared(Failure):
    """Why a proposer was not asked; a resumed run keeps to it."""

    why: str


def spared(place: Place, model: str, why: str) -> Proposal:
    """Return the proposal of a slot that is not asked because the ones before it agree.

    Args:
        place: Of the slot.
        model: That would have been asked.
        why: Who agreed on what.
    """
    return skipped(place, model, Spared(kind=AGREED, message=f"not asked: {why}", why=why))


def agreed_before(proposal: Proposal) -> str | None:
    """Return why a slot was not asked, where that is because others agreed; `None`: it was asked, or is missing."""
    error = proposal["error"]
    if proposal["status"] != "skipped" or error is None or error["kind"] != AGREED:
        return None
    return str(error.get("why", error["message"]))


def saved_in_all(layers: Sequence[Saved]) -> Saved:
    """Return what several layers have saved, in their order."""
    return Saved(
        calls=sum(one["calls"] for one in layers),
        slots=[slot for one in layers for slot in one["slots"]],
        layers=[number for one in layers for number in one["layers"]],
        why="; ".join(one["why"] for one in layers),
    )
