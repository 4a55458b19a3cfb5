"""What flows through the graph: which texts a layer passes on, and in which order proposals are told."""

from __future__ import annotations

import pytest

from langgraph_moa.proposal import Proposal, Status, is_usable
from langgraph_moa.state import LayerRecord, all_proposals, is_dropped, layer_seconds, usable_texts


def proposal(text: str, *, layer: int = 1, index: int = 0, status: Status = "ok") -> Proposal:
    """Return a proposal of a slot named after its text."""
    return Proposal(
        layer=layer,
        index=index,
        proposer=text,
        model="a:b",
        served_model=None,
        status=status,
        text=text,
        error=None,
        latency=1.0,
        waited=0.0,
        started_at=0.0,
        attempts=1,
        usage=None,
        finish_reason=None,
        calls=[],
        nested=None,
        shortened=0,
        edited=False,
    )


@pytest.mark.parametrize("status", ["error", "timeout", "cancelled", "empty", "refused", "skipped"])
def test_only_usable_texts_are_passed_on(status: Status) -> None:
    """A proposal that is not ok is never shown to the next stage."""
    good, bad, last = proposal("good"), proposal("bad", status=status), proposal("last")
    assert not is_usable(bad)
    assert usable_texts(LayerRecord(proposals=[good, bad, last], synthesis=None, substitute=None)) == ["good", "last"]


def test_a_layers_own_synthesis_takes_the_place_of_its_answers() -> None:
    """Where a layer has an aggregator of its own, its text alone is passed on."""
    record = LayerRecord(proposals=[proposal("a"), proposal("b")], synthesis=proposal("a and b"), substitute=None)
    assert usable_texts(record) == ["a and b"]


def test_a_layer_without_answers_passes_nothing_on() -> None:
    """Without a usable proposal there is no text."""
    assert usable_texts(LayerRecord(proposals=[proposal("a", status="error")], synthesis=None, substitute=None)) == []


def test_a_layer_is_dropped_when_the_one_before_says_so() -> None:
    """A layer is left out only where the record of the layer before names it."""
    first = LayerRecord(proposals=[], synthesis=None, substitute=None)
    assert not is_dropped({"1": first}, 2)
    first["budget"] = {"limit": "max_cost", "allowed": 1, "needed": 2, "dropped_layers": [3], "dropped_slots": []}
    assert not is_dropped({"1": first}, 2)
    first["budget"]["dropped_layers"] = [2, 3]
    assert is_dropped({"1": first}, 2)


def test_a_layers_seconds() -> None:
    """A layer lasts from its first call to its last answer, waiting included, and as long as its own aggregator."""
    early, late = proposal("early"), proposal("late")
    early.update({"started_at": 10.0, "latency": 1.0, "waited": 0.5})
    late.update({"started_at": 11.0, "latency": 2.0})
    synthesis = proposal("join")
    synthesis.update({"latency": 4.0})
    assert layer_seconds(LayerRecord(proposals=[early, late], synthesis=None, substitute=None)) == 3.0
    assert layer_seconds(LayerRecord(proposals=[early, late], synthesis=synthesis, substitute=None)) == 7.0
    assert layer_seconds(LayerRecord(proposals=[], synthesis=None, substitute=None)) == 0.0


def test_proposals_are_told_layer_by_layer() -> None:
    """Layers are ordered by number, not as words: the tenth comes after the second."""
    numbers = (10, 2, 1)
    layers = {
        str(number): LayerRecord(
            proposals=[proposal(f"{number}{slot}", layer=number) for slot in "ba"], synthesis=None, substitute=None
        )
        for number in numbers
    }
    assert [item["text"] for item in all_proposals(layers)] == ["1b", "1a", "2b", "2a", "10b", "10a"]
    assert all_proposals({}) == []
