"""What tells runs apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from langgraph_moa import Aggregator, ConfigurationError, Mixture, Proposer, StopWhen
from langgraph_moa.evaluation.runs import fingerprint_of, mixture_identity
from langgraph_moa.testing import ScriptedChatModel

MIXTURE = Mixture.of([Proposer("openai:a", temperature=0.5)], Aggregator("openai:b", max_tokens=9), name="mine")
OBJECTS = Mixture.of([Proposer(ScriptedChatModel(replies=["x"]), temperature=0.5)], "openai:b", name="mine")
PAIR = Mixture.of([ScriptedChatModel(replies=["x"]), "openai:a"], "openai:b", name="pair")


def test_the_order_of_keys_does_not_count() -> None:
    """Equal data has equal fingerprints, other data has others."""
    assert fingerprint_of({"a": 1, "b": [2]}) == fingerprint_of({"b": [2], "a": 1})
    assert fingerprint_of({"a": 1}) != fingerprint_of({"a": "1"})


@pytest.mark.parametrize("value", [object(), float("nan"), {1: object()}])
def test_a_fingerprint_needs_plain_data(value: object) -> None:
    """What JSON does not know has no fingerprint."""
    with pytest.raises(ConfigurationError, match="plain data"):
        fingerprint_of(value)


@pytest.mark.parametrize(
    "changed",
    [
        replace(MIXTURE, aggregator=Aggregator("openai:c", max_tokens=9)),
        replace(MIXTURE, aggregator=Aggregator("openai:b", max_tokens=9, prompt="Be brief.")),
        MIXTURE.swap({"openai:a": "openai:d"}),
        replace(MIXTURE, layers=[*MIXTURE.layers, *MIXTURE.layers]),
    ],
)
def test_whatever_changes_answers_changes_the_fingerprint(changed: Mixture) -> None:
    """Other models, prompts or layers make another run."""
    assert mixture_identity(changed).fingerprint != mixture_identity(MIXTURE).fingerprint


def test_what_changes_no_answer_does_not_count() -> None:
    """Rate limits and keys may change from one run of a log to the next."""
    same = replace(MIXTURE, limits={"openai:a": 3})
    keyed = MIXTURE.map_seats(lambda seat: replace(seat, model_kwargs={"api_key": "sk-secret"}))
    assert mixture_identity(same) == mixture_identity(MIXTURE)
    assert mixture_identity(keyed) == mixture_identity(MIXTURE)


def test_what_else_results_depend_on_counts() -> None:
    """A system prompt that is named beside the mixture makes another run."""
    assert mixture_identity(MIXTURE, system_prompt="Be brief.") != mixture_identity(MIXTURE)


def test_model_objects_count_by_their_names() -> None:
    """A mixture that has no written form has an identity all the same, which tells temperatures apart."""
    warmer = OBJECTS.map_seats(lambda seat: replace(seat, temperature=1.0))
    again = Mixture.of([Proposer(ScriptedChatModel(replies=["y"]), temperature=0.5)], "openai:b", name="mine")
    assert mixture_identity(OBJECTS) == mixture_identity(again)
    assert mixture_identity(OBJECTS) != mixture_identity(warmer)


@pytest.mark.parametrize(
    "changed",
    [
        replace(PAIR, layers=[replace(PAIR.layers[0], stop_when="answers")]),
        replace(PAIR, layers=[replace(PAIR.layers[0], stop_when=StopWhen(share=0.75))]),
        replace(PAIR, layers=[replace(PAIR.layers[0], deadline=3.0)]),
        replace(PAIR, aggregator=Aggregator("openai:b", model_kwargs={"top_p": 0.1})),
        replace(PAIR, aggregator=Aggregator("openai:b", strategy="select")),
        replace(PAIR, aggregator=Aggregator("openai:b", prompt="Be brief.")),
    ],
)
def test_whatever_changes_answers_counts_beside_objects(changed: Mixture) -> None:
    """With a model that is an object, all else that changes answers makes another run as well."""
    assert mixture_identity(changed).fingerprint != mixture_identity(PAIR).fingerprint


def test_keys_beside_objects_do_not_count() -> None:
    """A key of one seat makes no other run, also where another seat's model is an object."""
    keyed = replace(OBJECTS, aggregator=Aggregator("openai:b", model_kwargs={"api_key": "sk-secret"}))
    assert mixture_identity(keyed) == mixture_identity(OBJECTS)
