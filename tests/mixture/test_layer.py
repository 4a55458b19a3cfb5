"""Layers: their bounds, and the places in them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture import Aggregator, Layer, Proposer

CANARY = "c4n4ry-7f3e9b1d"


def test_defaults() -> None:
    """One answer is enough, every proposer is waited for, and no layer takes longer than 120 seconds."""
    layer = Layer(["openai:a", "openai:b"])
    assert (layer.quorum, layer.grace, layer.deadline, layer.merger) == (1, None, 120.0, None)
    assert layer.seats == (Proposer("openai:a"), Proposer("openai:b"))


@pytest.mark.parametrize(
    ("proposers", "most"),
    [
        pytest.param(["openai:a", "openai:b"], 2, id="two"),
        pytest.param([Proposer("openai:a", samples=3), "openai:b"], 4, id="with-samples"),
    ],
)
def test_quorum_bounds(proposers: list[Any], most: int) -> None:
    """A quorum is accepted exactly when the layer can reach it, each draw counted."""
    assert [Layer(proposers, quorum=quorum).quorum for quorum in (1, most)] == [1, most]
    for quorum in (0, -1, most + 1):
        with pytest.raises(
            ConfigurationError, match=rf"Layer\.quorum must be a whole number in 1\.\.{most}, got {quorum}"
        ):
            Layer(proposers, quorum=quorum)


@pytest.mark.parametrize(
    ("proposers", "options", "problem"),
    [
        pytest.param(
            "openai:a", {}, r"Layer\.proposers must be a list, got 'openai:a'\. Write \['openai:a'\]", id="string"
        ),
        pytest.param([], {}, "Layer.proposers is empty: name at least one", id="empty"),
        pytest.param({"model": "openai:a"}, {}, "Layer.proposers must be a list, got a table", id="table"),
        pytest.param({"openai:a", "openai:b"}, {}, "Layer.proposers must be a list", id="set-without-an-order"),
        pytest.param(["a"], {}, "model 'a' names no provider", id="bare-name"),
        pytest.param([Aggregator("openai:a")], {}, "Proposer.model must be .*got Aggregator", id="aggregator"),
        pytest.param(
            ["openai:a"], {"grace": -1}, "Layer.grace must be a number at least 0, or None; got -1", id="grace"
        ),
        pytest.param(["openai:a"], {"deadline": 0}, "Layer.deadline must be a number above 0.*got 0", id="deadline"),
        pytest.param(["openai:a"], {"deadline": None}, "never waits without end", id="no-deadline"),
        pytest.param(["openai:a"], {"deadline": float("inf")}, "Layer.deadline must be .*got inf", id="endless"),
        pytest.param(["openai:a"], {"aggregator": "b"}, "model 'b' names no provider", id="bare-aggregator"),
        pytest.param(
            [Proposer("openai:a", name="x"), Proposer("openai:b", name="x")],
            {},
            "the name 'x' is used for 2 slots of one layer. Give each its own name, or none",
            id="name-twice",
        ),
    ],
)
def test_wrong_values(proposers: Any, options: dict[str, Any], problem: str) -> None:
    """A wrong value is refused on construction with the value, what is allowed and what to do."""
    with pytest.raises(ConfigurationError, match=problem):
        Layer(proposers, **options)


def test_errors_show_no_secret() -> None:
    """A table in place of a list of tables is named by its keys alone."""
    table: Any = {"model": "openai:a", "model_kwargs": {"api_key": CANARY}}
    with pytest.raises(ConfigurationError, match="a table with the keys model, model_kwargs") as caught:
        Layer(table)
    assert CANARY not in str(caught.value)


def test_a_layer_is_frozen() -> None:
    """No field of a layer can be set, and the list it was built from can change without it."""
    proposers = ["openai:a"]
    layer = Layer(proposers)
    proposers.append("openai:b")
    assert layer == Layer(["openai:a"])
    for field in fields(Layer):
        with pytest.raises(FrozenInstanceError):
            setattr(layer, field.name, None)


def test_two_equal_models_get_distinct_slots() -> None:
    """One model in two seats has two slots, in configured order."""
    slots = Layer(["openai:gpt-4o", "openai:gpt-4o", "together:Qwen/Qwen2-72B"]).slots(1)
    assert [slot.name for slot in slots] == ["gpt-4o-1", "gpt-4o-2", "qwen2-72b"]
    assert [slot.index for slot in slots] == [0, 1, 2]


def test_each_draw_is_a_slot() -> None:
    """A proposer with samples has a slot for each draw, all with the same proposer."""
    judge = Proposer("openai:gpt-4o", name="judge", samples=2)
    slots = Layer([judge, "openai:gpt-4o"]).slots(3)
    assert [(slot.name, slot.draw, slot.index) for slot in slots] == [
        ("judge-1", 1, 0),
        ("judge-2", 2, 1),
        ("gpt-4o", 1, 2),
    ]
    assert [slot.proposer for slot in slots] == [judge, judge, Proposer("openai:gpt-4o")]
    assert [slot.node for slot in slots] == ["layer_3_judge-1", "layer_3_judge-2", "layer_3_gpt-4o"]


def test_a_model_stands_for_an_aggregator() -> None:
    """A layer's own aggregator may be given as a model."""
    assert Layer(["openai:a"], aggregator="openai:b").merger == Aggregator("openai:b")


def test_only_what_was_set_is_written() -> None:
    """A layer writes its proposers, and what differs from the defaults."""
    assert Layer(["openai:a"]).to_dict() == {"proposers": [{"model": "openai:a"}]}
    full = Layer(["openai:a", "openai:b"], quorum=2, grace=0.5, deadline=9, aggregator="openai:c")
    assert full.to_dict() == {
        "proposers": [{"model": "openai:a"}, {"model": "openai:b"}],
        "quorum": 2,
        "grace": 0.5,
        "deadline": 9,
        "aggregator": {"model": "openai:c"},
    }
