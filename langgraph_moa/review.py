"""What a person changes between two stages of a run: values for `graph.update_state`.

Both functions take the layers of a saved state, `graph.get_state(config).values["layers"]`, and leave them as they are.
What they give goes to `graph.update_state(config, ..., as_node="layer_<number>_join")`; the run then goes on with
`graph.invoke(None, config)`, and the next stage is shown what is there now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from typing_extensions import TypedDict

from langgraph_moa.checks import shown, whole_number
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.proposal import Failure, Proposal, is_usable
from langgraph_moa.state import LayerRecord
from langgraph_moa.surrogates import well_formed

DROPPED = "Dropped"
"""Error kind of a proposal that a person has left out."""
SYNTHESIS = "join"
"""Slot under which the synthesis of a layer with an aggregator of its own is edited; no proposer may be named so."""

Layers = Mapping[str, LayerRecord]
"""What every layer left behind, by its number."""


class Review(TypedDict):
    """What `graph.update_state` takes."""

    layers: dict[str, LayerRecord]
    """By the layer's number, up to the one that was changed."""


def without_proposal(layers: Layers, slot: str, layer: int | None = None) -> Review:
    """Keep a proposal from the next stage.

    It stays in the record without its text, as `skipped` with the error kind `Dropped`; its tokens and its cost count.

    Args:
        layers: Of the saved state.
        slot: Name of the proposer in its layer.
        layer: Counted from 1; `None`: the last one that is there. What came of later layers is not in the result, since
            they are asked again.

    Raises:
        ConfigurationError: There is no such layer or slot, the proposal is not usable anyway, it is the last usable one
            of its layer, or the layer's own aggregator has read it already.
    """
    number, record = _chosen(layers, layer)
    dropped = _unread(record, number, slot)
    usable = [one["proposer"] for one in record["proposals"] if is_usable(one)]
    if slot not in usable:
        raise ConfigurationError(
            f"the proposal of {slot!r} in layer {number} is {dropped['status']!r}: no stage is shown it anyway. "
            f"Usable are: {', '.join(usable) or 'none'}"
        )
    if usable == [slot]:
        raise ConfigurationError(
            f"{slot!r} is the last usable proposal of layer {number}: without it the next stage has nothing to read. "
            "Edit it by with_text, or go back to the checkpoint before the layer"
        )
    failure = Failure(kind=DROPPED, message="a person left it out")
    changed = _changed(dropped, status="skipped", text="", error=failure)
    return _review(layers, number, _with_proposal(record, changed))


def with_text(layers: Layers, slot: str, text: str, layer: int | None = None) -> Review:
    """Put a person's text in the place of a proposal's, or of a layer's synthesis.

    The record says `edited`, and keeps what the slot's calls have taken. A proposal that was not usable becomes usable.

    Args:
        layers: Of the saved state.
        slot: Name of the proposer in its layer; `"join"`: what the layer's own aggregator has written.
        text: What the next stage is shown.
        layer: As in `without_proposal`.

    Raises:
        ConfigurationError: There is no such layer or slot, the text is empty, or the layer's own aggregator has read
            the proposal already.
    """
    if not isinstance(text, str) or not text.strip():
        raise ConfigurationError(
            f"text must have something in it, got {shown(text)}. To leave a proposal out, call without_proposal"
        )
    number, record = _chosen(layers, layer)
    edit = {"status": "ok", "text": well_formed(text), "error": None, "edited": True}
    synthesis = record["synthesis"]
    if slot == SYNTHESIS and synthesis is not None:
        written = _with(record, synthesis=_changed(synthesis, **edit), substitute=None)
    else:
        written = _with_proposal(record, _changed(_unread(record, number, slot), **edit))
    return _review(layers, number, written)


def _chosen(layers: Layers, layer: int | None) -> tuple[int, LayerRecord]:
    """Return the number and the record of the layer that is meant."""
    numbers = sorted(map(int, layers))
    if not numbers:
        raise ConfigurationError(
            'layers is empty: no layer has ended yet. Stop the run behind one: interrupt_after=["layer_1_join"]'
        )
    if layer is not None:
        whole_number("layer", layer, low=1)
    number = numbers[-1] if layer is None else layer
    if number not in numbers:
        raise ConfigurationError(
            f"layer {shown(layer)} is not there. Layers that have ended: {', '.join(map(str, numbers))}"
        )
    return number, layers[str(number)]


def _unread(record: LayerRecord, number: int, slot: str) -> Proposal:
    """Return the proposal of a slot; refuse one that the layer's own aggregator has read for all later stages."""
    found = {one["proposer"]: one for one in record["proposals"]}
    is_merged = record["synthesis"] is not None
    names = [*found, SYNTHESIS] if is_merged else [*found]
    if slot not in names:
        raise ConfigurationError(f"layer {number} has no slot {shown(slot)}. Slots: {', '.join(names)}")
    if is_merged:
        raise ConfigurationError(
            f"of layer {number}, the next stage reads what the layer's own aggregator has made of the proposals, so "
            f"that a change of {slot!r} would be shown to nobody. Write with_text(layers, {SYNTHESIS!r}, text)"
        )
    return found[slot]


def _with_proposal(record: LayerRecord, changed: Proposal) -> LayerRecord:
    own = changed["proposer"]
    return _with(record, proposals=[changed if one["proposer"] == own else one for one in record["proposals"]])


def _with(record: LayerRecord, **changes: Any) -> LayerRecord:  # noqa: ANN401 - fields of the record
    return cast("LayerRecord", {**record, **changes})


def _changed(proposal: Proposal, **changes: Any) -> Proposal:  # noqa: ANN401 - fields of a proposal
    return cast("Proposal", {**proposal, **changes})


def _review(layers: Layers, number: int, record: LayerRecord) -> Review:
    return Review(layers={**{key: kept for key, kept in layers.items() if int(key) < number}, str(number): record})
