"""What the page asks for."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa import ConfigurationError, Layer, Mixture, Proposer, load_preset
from langgraph_moa.playground.asking import HOSTED, Request, changed, described, read_request
from langgraph_moa.providers import PROVIDERS
from langgraph_moa.testing import ScriptedChatModel

QUESTION = {"question": "What is a quorum?", "mixture": "offline"}
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)


def panel() -> Mixture:
    """Return a mixture of two layers with an aggregator between them."""
    proposers = [Proposer("openai:a", name="one"), Proposer("openai:b", name="two")]
    return Mixture([Layer(proposers, aggregator="openai:m"), Layer(proposers, quorum=2)], "openai:z", name="panel")


def asked(recipe: Mixture, /, **changes: Any) -> Mixture:
    """Return a mixture as a request changes it."""
    return changed(recipe, read_request({**QUESTION, **changes}))


def test_nothing_changed_is_the_mixture_itself() -> None:
    """A request without changes asks the preset itself."""
    offline = load_preset("offline")
    assert asked(offline) is offline


def test_layers_are_changed() -> None:
    """Quorum, deadline and grace go to every layer, and what is left out stays; the result is no preset any more."""
    mixture = asked(panel(), quorum=1, deadline=9.5, grace=0)
    assert [(layer.quorum, layer.deadline, layer.grace) for layer in mixture.layers] == [(1, 9.5, 0), (1, 9.5, 0)]
    assert [layer.quorum for layer in asked(panel(), deadline=3).layers] == [1, 2]
    assert asked(load_preset("offline"), grace=1).preset is None


def test_models_are_swapped() -> None:
    """A slot's model changes in every layer, and the aggregator's does."""
    mixture = asked(panel(), models={"two": " groq:c ", "aggregator": "openai:y"})
    assert [[seat.label for seat in layer.seats] for layer in mixture.layers] == [["openai:a", "groq:c"]] * 2
    assert mixture.merger.label == "openai:y"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"question": " "}, "question must be text"),
        ({"question": None}, "question must be text"),
        ({"mixture": 7}, "mixture must be text"),
        ({"models": ["a"]}, "models must be a table"),
        ({"models": {"one": 7}}, "the model of one must be 'provider:model', got 7"),
        ({"models": {"one": "nonsense"}}, "nonsense"),
        ({"models": {"three": "openai:x"}}, "nothing is named 'three'"),
        ({"models": {"one": "gguf:/etc/passwd"}}, "providers anthropic, .*openai.* weights .* in a mixture file"),
        ({"models": {"one": "huggingface:gpt2"}}, "one cannot be 'huggingface:gpt2'"),
        ({"models": {"aggregator": "litellm:petals/x"}}, "aggregator cannot be"),
        ({"models": {"one": "OpenAI:gpt-4o"}}, "one cannot be"),
        ({"quorum": 3}, r"quorum must be a whole number in 1\.\.2, got 3"),
        ({"quorum": 1.5}, "quorum must be a whole number"),
        ({"deadline": None}, "never waits without end"),
        ({"deadline": -1}, "deadline must be a number above 0"),
        ({"grace": "soon"}, "grace must be a number"),
        ({"depth": 3}, "unknown key 'depth'"),
    ],
)
def test_errors_say_what_to_do(changes: dict[str, Any], said: str) -> None:
    """A wrong value is refused in words that name it."""
    with pytest.raises(ConfigurationError, match=said):
        asked(panel(), **changes)


def test_a_mixtures_own_model_goes_to_any_slot() -> None:
    """A model file that the mixture names itself can be chosen for another slot, and no other file."""
    own = "gguf:/models/own.gguf"
    mixture = Mixture.of([Proposer(own, name="one"), Proposer("openai:b", name="two")], "openai:z")
    assert [seat.label for seat in asked(mixture, models={"two": own}).layers[0].seats] == [own, own]
    with pytest.raises(ConfigurationError, match=r"two cannot be 'gguf:/models/other\.gguf'"):
        asked(mixture, models={"two": "gguf:/models/other.gguf"})


def test_a_label_is_no_permission() -> None:
    """What an object in a slot calls itself is no model that the mixture names."""

    class ChatHuggingface(ScriptedChatModel):
        """A model object of the user's own."""

    mixture = Mixture.of([Proposer(ChatHuggingface(), name="one")], "openai:z")
    assert mixture.seats[0].label == "huggingface:scripted"
    with pytest.raises(ConfigurationError, match="aggregator cannot be"):
        asked(mixture, models={"aggregator": "huggingface:scripted"})


def test_every_provider_is_judged() -> None:
    """A provider is hosted, or known to read files or load weights: a new one is refused until somebody says."""
    assert set(PROVIDERS) - HOSTED == {"gguf", "huggingface", "litellm"}
    assert set(PROVIDERS) >= HOSTED
    assert not any(PROVIDERS[name].is_slow_to_build for name in HOSTED)


def test_half_characters_are_mended() -> None:
    """A request holds no half of a character: the question, its mixture and its models can be sent and written."""
    request = read_request(
        {"question": "Is it \ud83d? \ud83d\ude00", "mixture": "\udc00", "models": {"\ud83d": "\ud83d"}}
    )
    assert request == Request(question="Is it \ufffd? \U0001f600", mixture="\ufffd", models={"\ufffd": "\ufffd"})


@given(
    st.one_of(
        VALUES,
        st.fixed_dictionaries(
            {key: st.just(value) for key, value in QUESTION.items()},
            optional=dict.fromkeys(("models", "quorum", "grace"), VALUES),
        ),
    )
)
@settings(deadline=None)
def test_any_body_is_read_or_refused(body: object) -> None:
    """Whatever JSON comes, it is a request or a `ConfigurationError`."""
    with suppress(ConfigurationError):
        assert isinstance(changed(panel(), read_request(body)), Mixture)


def test_a_mixture_is_described_stage_by_stage() -> None:
    """The page learns every seat with its node, the aggregators among them, and the rules of each layer."""
    told = described(panel())
    assert told["name"] == "panel"
    assert [[seat["node"] for seat in stage["seats"]] for stage in told["stages"]] == [
        ["layer_1_one", "layer_1_two", "layer_1_join"],
        ["layer_2_one", "layer_2_two"],
        ["aggregator"],
    ]
    assert told["stages"][1] == {
        "title": "layer 2",
        "layer": 2,
        "quorum": 2,
        "deadline": 120.0,
        "grace": None,
        "seats": [
            {"slot": "one", "node": "layer_2_one", "model": "openai:a"},
            {"slot": "two", "node": "layer_2_two", "model": "openai:b"},
        ],
    }
