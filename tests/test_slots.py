"""Names of slots: readable, distinct, and fit for a graph node."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.slots import Occupant, check_name, slot_names


def unnamed(*labels: str) -> list[Occupant]:
    """Return places without a name, one draw each."""
    return [Occupant(None, label, 1) for label in labels]


@pytest.mark.parametrize(
    ("label", "name"),
    [
        pytest.param("openai:gpt-4o", "gpt-4o", id="plain"),
        pytest.param("together:Qwen/Qwen1.5-72B-Chat", "qwen1.5-72b-chat", id="organisation"),
        pytest.param("ollama:llama3.2:3b", "llama3.2-3b", id="ollama-tag"),
        pytest.param("fireworks:accounts/fireworks/models/llama-v3", "llama-v3", id="path"),
        pytest.param("mixture:inner", "inner", id="mixture"),
        pytest.param("RunnableLambda", "runnablelambda", id="class"),
        pytest.param("litellm:东京", "model", id="no-latin-letter"),
        pytest.param("openai:join", "model", id="reserved"),
        pytest.param("openai:" + "x" * 200, "x" * 60, id="long"),
        pytest.param("openai:___", "model", id="punctuation"),
    ],
)
def test_a_slot_is_named_after_its_model(label: str, name: str) -> None:
    """A place without a name gets a readable one from its model."""
    assert slot_names(unnamed(label)) == (name,)


@pytest.mark.parametrize(
    ("occupants", "names"),
    [
        pytest.param(unnamed("openai:a", "openai:a"), ("a-1", "a-2"), id="equal-models"),
        pytest.param(unnamed("openai:a", "together:x/A"), ("a-1", "a-2"), id="equal-after-shortening"),
        pytest.param([Occupant(None, "openai:a", 3)], ("a-1", "a-2", "a-3"), id="samples"),
        pytest.param([Occupant("judge", "openai:a", 2)], ("judge-1", "judge-2"), id="samples-of-a-named-one"),
        pytest.param([Occupant("a", "openai:b", 1), *unnamed("openai:a")], ("a", "a-1"), id="given-name-wins"),
        pytest.param([*unnamed("openai:a"), Occupant("a", "openai:b", 1)], ("a-1", "a"), id="given-name-wins-later"),
        pytest.param(
            [*unnamed("openai:a", "openai:a"), Occupant("a-1", "openai:b", 1)],
            ("a-2", "a-3", "a-1"),
            id="numbers-avoid-given-names",
        ),
        pytest.param(
            [*unnamed("openai:a", "openai:a"), Occupant("a-1", "openai:b", 1), *unnamed("openai:a-1")],
            ("a-2", "a-3", "a-1", "a-1-1"),
            id="numbers-avoid-given-names-that-a-model-has-too",
        ),
    ],
)
def test_slots_get_distinct_names(occupants: list[Occupant], names: tuple[str, ...]) -> None:
    """Places that would be named alike are numbered, and a given name is never taken by another place."""
    assert slot_names(occupants) == names


STEMS = st.sampled_from(["a", "a-1", "a-1-1", "a-2", "b", "join", "model", "model-1"])


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            Occupant,
            st.none() | STEMS.filter(lambda name: name != "join"),
            STEMS.map("openai:{}".format),
            st.integers(1, 3),
        ),
        max_size=8,
        unique_by=lambda occupant: occupant.name or object(),
    )
)
def test_names_are_distinct_and_fit_whatever_the_mixture(occupants: list[Occupant]) -> None:
    """Every draw has a name of its own that a node can carry, and a given name stands at its place."""
    names = slot_names(occupants)
    assert len(names) == sum(occupant.samples for occupant in occupants)
    assert len(set(names)) == len(names)
    for name in names:
        check_name("slot", name)
    position = 0
    for occupant in occupants:
        if occupant.name is not None and occupant.samples == 1:
            assert names[position] == occupant.name
        position += occupant.samples


def test_a_name_used_twice() -> None:
    """A name given to two slots is refused with the name, the count and what to do."""
    twice = [Occupant("judge", "openai:a", 1), Occupant("judge", "openai:b", 1)]
    with pytest.raises(
        ConfigurationError, match=r"the name 'judge' is used for 2 slots of one layer\. Give each its own"
    ):
        slot_names(twice)


@pytest.mark.parametrize("name", ["a", "gpt-4o", "Qwen_1.5", "0", "x" * 80])
def test_allowed_names(name: str) -> None:
    """Letters, digits, dots, underscores and hyphens make a name of up to 80."""
    check_name("Proposer.name", name)


@pytest.mark.parametrize(
    "name", ["", "join", "a b", "a/b", "a:b", "a|b", "-a", ".a", "_a", "a\n", "东京", "x" * 81, 3, None], ids=repr
)
def test_refused_names(name: str) -> None:
    """A name that cannot be part of a node's name is refused with the name and what is allowed."""
    expected = rf"Proposer\.name must be 1 to 80 letters, digits.*got {re.escape(repr(name))}"
    with pytest.raises(ConfigurationError, match=expected):
        check_name("Proposer.name", name)
