"""A person's changes to proposals: what the next stage reads, what stays in the record, and what is refused."""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa import ConfigurationError
from langgraph_moa.proposal import Proposal, Status, Usage
from langgraph_moa.review import with_text, without_proposal
from langgraph_moa.state import LayerRecord, usable_texts

STATUSES: tuple[Status, ...] = ("ok", "error", "timeout", "cancelled", "empty", "refused", "skipped")
USABLE: Status = "ok"
USAGE = Usage(input_tokens=1, output_tokens=2, total_tokens=3, cached_tokens=None, reasoning_tokens=None)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


def proposal(slot: str, *, layer: int = 1, status: Status = "ok", index: int = 0) -> Proposal:
    """Return a proposal of one call that used three tokens."""
    return Proposal(
        layer=layer,
        index=index,
        proposer=slot,
        model="a:b",
        served_model="b",
        status=status,
        text=f"text of {slot}" if status == "ok" else "",
        error=None if status == "ok" else {"kind": "RuntimeError", "message": "down"},
        latency=1.0,
        waited=0.0,
        started_at=0.0,
        attempts=1,
        usage=USAGE,
        finish_reason="stop",
        calls=[{"model": "a:b", "fallback": 0, "usage": USAGE, "nested": None, "error": None}],
        nested=None,
        shortened=0,
        edited=False,
    )


def record(*proposals: Proposal, synthesis: Proposal | None = None, substitute: str | None = None) -> LayerRecord:
    """Return what a layer leaves behind."""
    return LayerRecord(proposals=list(proposals), synthesis=synthesis, substitute=substitute)


TWO = {"1": record(proposal("a"), proposal("b")), "2": record(proposal("a", layer=2), proposal("b", layer=2))}
MERGED = {"1": record(proposal("a"), proposal("b"), synthesis=proposal("join"))}


def built(statuses: list[list[Status]]) -> dict[str, LayerRecord]:
    """Return layers whose slots have these statuses, and one slot each that is usable."""
    return {
        str(number): record(*(proposal(f"s{at}", layer=number, status=one, index=at) for at, one in enumerate(slots)))
        for number, slots in enumerate(([*layer, USABLE] for layer in statuses), start=1)
    }


LAYERS = st.lists(st.lists(st.sampled_from(STATUSES), max_size=3), min_size=1, max_size=11).map(built)


def usable(layer: LayerRecord) -> list[str]:
    """Return the slots that the next stage reads."""
    return [one["proposer"] for one in layer["proposals"] if one["status"] == "ok"]


@given(LAYERS, st.data())
def test_the_next_stage_reads_all_but_the_dropped_proposal(layers: dict[str, LayerRecord], data: st.DataObject) -> None:
    """A dropped proposal is the only one that is missed; its place, its calls and its tokens stay in the record."""
    number = data.draw(st.sampled_from(sorted(layers, key=int)))
    slots = usable(layers[number])
    before = copy.deepcopy(layers)
    slot = data.draw(st.sampled_from(slots))
    if slots == [slot]:
        with pytest.raises(ConfigurationError, match="last usable"):
            without_proposal(layers, slot, int(number))
    else:
        reviewed = without_proposal(layers, slot, int(number))["layers"]
        assert usable(reviewed[number]) == [name for name in slots if name != slot]
        kept, was = (
            next(one for one in told[number]["proposals"] if one["proposer"] == slot) for told in (reviewed, layers)
        )
        failure = {"kind": "Dropped", "message": "a person left it out"}
        assert kept == {**was, "status": "skipped", "text": "", "error": failure}
        assert [one["proposer"] for one in reviewed[number]["proposals"]] == [
            one["proposer"] for one in layers[number]["proposals"]
        ]
    assert layers == before


@given(LAYERS, TEXTS, st.data())
def test_the_next_stage_reads_the_text_that_was_written(
    layers: dict[str, LayerRecord], text: str, data: st.DataObject
) -> None:
    """A proposal in any status becomes usable with the written text, says so, and keeps what its calls took."""
    number = data.draw(st.sampled_from(sorted(layers, key=int)))
    place = data.draw(st.integers(0, len(layers[number]["proposals"]) - 1))
    was = layers[number]["proposals"][place]
    before = copy.deepcopy(layers)
    reviewed = with_text(layers, was["proposer"], text, int(number))["layers"]
    changed = {"status": "ok", "text": text, "error": None, "edited": True}
    assert reviewed[number]["proposals"][place] == {**was, **changed}
    assert text in usable_texts(reviewed[number])
    assert layers == before


@given(LAYERS, st.data())
def test_what_came_of_later_layers_is_left_out(layers: dict[str, LayerRecord], data: st.DataObject) -> None:
    """A change of one layer keeps those before it as they were, and none behind it; without a number it is the last."""
    number = data.draw(st.sampled_from(sorted(layers, key=int)))
    reviewed = with_text(layers, "s0", "new", int(number))["layers"]
    assert sorted(map(int, reviewed)) == list(range(1, int(number) + 1))
    assert all(reviewed[key] is layers[key] for key in reviewed if key != number)
    assert with_text(layers, "s0", "new") == with_text(layers, "s0", "new", len(layers))


def test_what_a_budget_has_decided_stays() -> None:
    """What is left out because of the budget is told in the changed layer as before."""
    decision: Any = {"dropped_layers": [2]}
    decided: Any = {"1": {**TWO["1"], "budget": decision}}
    assert without_proposal(decided, "a")["layers"]["1"]["budget"] == decision


def test_half_a_character_is_mended() -> None:
    """A written text can be sent whatever it was made of."""
    assert usable_texts(with_text(TWO, "a", "half \ud83d")["layers"]["2"])[0] == "half \ufffd"


def test_a_synthesis_is_edited_as_the_slot_join() -> None:
    """Where a layer has an aggregator of its own, a person may write what it should have written."""
    failed = proposal("join", status="error")
    failed["text"] = "text of a"
    layers = {"1": record(proposal("a"), proposal("b"), synthesis=failed, substitute="a")}
    changed = with_text(layers, "join", "mine")["layers"]["1"]
    assert usable_texts(changed) == ["mine"]
    assert changed["synthesis"] == {**failed, "status": "ok", "text": "mine", "error": None, "edited": True}
    assert changed["substitute"] is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(lambda: without_proposal(TWO, "c"), "layer 2 has no slot 'c'. Slots: a, b", id="slot"),
        pytest.param(lambda: with_text(TWO, "join", "x"), "layer 2 has no slot 'join'. Slots: a, b", id="no-synthesis"),
        pytest.param(lambda: with_text(MERGED, "c", "x"), "Slots: a, b, join", id="slot-beside-a-synthesis"),
        pytest.param(lambda: without_proposal(TWO, "a", 3), "layer 3 is not there. .* ended: 1, 2", id="layer"),
        pytest.param(lambda: without_proposal(TWO, "a", 0), "layer must be a whole number in 1 or more", id="layer-0"),
        pytest.param(lambda: with_text(TWO, "a", "x", cast("int", "1")), "whole number .* '1'", id="layer-as-text"),
        pytest.param(lambda: without_proposal({}, "a"), "no layer has ended yet", id="no-layer"),
        pytest.param(lambda: with_text(TWO, "a", " \n"), "text must have something in it", id="no-text"),
        pytest.param(lambda: with_text(TWO, "a", cast("str", 3)), "got 3", id="text-of-another-type"),
        pytest.param(lambda: without_proposal(MERGED, "a"), r"own aggregator .*with_text\(layers, 'join'", id="merged"),
        pytest.param(lambda: with_text(MERGED, "a", "x"), "own aggregator", id="text-of-a-merged-one"),
        pytest.param(lambda: without_proposal(MERGED, "join"), "own aggregator", id="synthesis"),
        pytest.param(
            lambda: without_proposal({"1": record(proposal("a", status="timeout"), proposal("b"))}, "a"),
            "'timeout': no stage is shown it anyway. Usable are: b",
            id="not-usable",
        ),
    ],
)
def test_what_would_change_nothing_is_refused(change: Any, told: str) -> None:
    """A layer, slot or text that no stage could be shown is refused, with what there is and what to do."""
    with pytest.raises(ConfigurationError, match=told):
        change()
