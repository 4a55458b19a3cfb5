"""What flows through the graph: which texts a layer passes on, and in which order proposals are told."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.proposal import Proposal, Status, is_usable, of_earlier_run
from langgraph_moa.state import LayerRecord, all_proposals, is_dropped, layer_seconds, layers_of, usable_texts


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


@pytest.mark.parametrize("gone", [{"edited", "shortened", "nested"}, {"latency", "waited", "calls", "usage", "error"}])
def test_proposals_of_another_version_are_read(gone: set[str]) -> None:
    """A proposal that lacks what only other versions write is read, with what a slot has for which nobody was asked."""
    old: Any = {key: value for key, value in proposal("a").items() if key not in gone}
    ((_, record),) = layers_of([{**old, "of_a_later_version": 1}]).items()
    assert record["proposals"] == [of_earlier_run(proposal("a"))]


@pytest.mark.parametrize("key", ["layer", "index", "proposer", "model", "status", "text"])
def test_a_proposal_has_what_every_version_writes(key: str) -> None:
    """A proposal without one of these is refused, and the error names it and its place."""
    given: Any = {name: value for name, value in proposal("b", index=1).items() if name != key}
    with pytest.raises(ConfigurationError, match=rf"^proposals\[1\]\.{key}: it is missing"):
        layers_of([proposal("a"), given])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param("x", r"^proposals\[0\] must be a table, got 'x'", id="text"),
        pytest.param(None, r"^proposals\[0\] must be a table, got None", id="none"),
        pytest.param({**proposal("a"), "text": None}, r"^proposals\[0\]\.text: .*; got None", id="no-text"),
        pytest.param({**proposal("a"), "layer": "1"}, r"^proposals\[0\]\.layer: .*; got '1'", id="layer-in-words"),
        pytest.param(
            {**proposal("a"), "layer": 0}, r"^proposals\[0\]\.layer must be .* 1 or more, got 0", id="layer-0"
        ),
        pytest.param(
            {**proposal("a"), "index": -1}, r"^proposals\[0\]\.index must be .* 0 or more, got -1", id="index"
        ),
        pytest.param({**proposal("a"), "status": "fine"}, r"^proposals\[0\]\.status: .*'fine'", id="status"),
        pytest.param({**proposal("a"), "error": "down"}, r"^proposals\[0\]\.error: .*'down'", id="error-in-words"),
        pytest.param({**proposal("a"), "error": {}}, r"^proposals\[0\]\.error\.kind: it is missing", id="no-kind"),
    ],
)
def test_what_is_no_proposal_is_refused(given: Any, said: str) -> None:
    """What is no proposal is refused with its place and what is wrong."""
    with pytest.raises(ConfigurationError, match=said):
        layers_of([given])


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists), st.sampled_from(list(proposal("a")))
)
def test_any_value_is_read_or_refused(value: Any, key: str) -> None:
    """Whatever stands in a field of a proposal, it is read or refused by an error of our own."""
    with suppress(ConfigurationError):
        layers_of([{**proposal("a"), key: value}])


@pytest.mark.parametrize("key", ["proposer", "index"])
def test_a_slot_is_given_once(key: str) -> None:
    """Two proposals of one slot are refused, with both their places; slots of other layers may be called the same."""
    first, second = proposal("a"), proposal("b", index=1)
    changed: Any = {**second, key: first[key]}  # type: ignore[literal-required]
    with pytest.raises(ConfigurationError, match=rf"proposals\[2\]\.{key} is .* in layer 1, as in proposals\[0\]"):
        layers_of([first, proposal("a", layer=2), changed])


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


def test_a_pause_within_a_layer_takes_no_seconds() -> None:
    """The seconds in which no slot of a layer was at work do not count, and those in which several were count once."""
    spans = {"one": (10.0, 1.0), "within": (10.2, 0.5), "across": (10.5, 1.0), "after a day": (90_000.0, 2.0)}
    proposals = []
    for name, (start, seconds) in spans.items():
        proposals.append(proposal(name))
        proposals[-1].update({"started_at": start, "latency": seconds})
    assert layer_seconds(LayerRecord(proposals=proposals, synthesis=None, substitute=None)) == pytest.approx(3.5)


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
