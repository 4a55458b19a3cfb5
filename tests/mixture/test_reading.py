"""Tables as parts of a recipe: every way in which one is wrong is told with the place."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture import Aggregator, Layer, Mixture, NestedModel, Proposer
from langgraph_moa.mixture.reading import read_aggregator, read_layer, read_proposers

CANARY = "c4n4ry-7f3e9b1d"


def no_nested(table: Mapping[str, Any]) -> NestedModel:
    """Fail: there is no nested mixture in the table."""
    raise AssertionError(table)


def test_a_string_stands_for_a_seat() -> None:
    """A model's name stands for a seat with that model alone, and so does a table of it."""
    tables = ["openai:a", {"model": "openai:a"}, {"model": "openai:b", "temperature": 0.5, "fallbacks": ["openai:c"]}]
    assert read_proposers("p", tables, no_nested) == [
        Proposer("openai:a"),
        Proposer("openai:a"),
        Proposer("openai:b", temperature=0.5, fallbacks=["openai:c"]),
    ]
    assert read_aggregator("a", "openai:a", no_nested) == Aggregator("openai:a")


def test_a_table_in_a_models_place_is_a_mixture() -> None:
    """A model may be a mixture's own table, also among the fallbacks."""
    inner = {"proposers": ["openai:a"], "aggregator": "openai:b"}
    mixture = Mixture.of(["openai:a"], "openai:b")
    read = read_aggregator("a", {"model": inner, "fallbacks": ["openai:c", inner]}, Mixture.from_dict)
    assert read == Aggregator(mixture, fallbacks=["openai:c", mixture])


def test_a_layer_is_read_with_its_aggregator() -> None:
    """A layer's table holds its proposers, its options and its own aggregator."""
    table = {"proposers": ["openai:a", "openai:b"], "quorum": 2, "aggregator": "openai:c"}
    assert read_layer("l", table, no_nested) == Layer(["openai:a", "openai:b"], quorum=2, aggregator="openai:c")


def test_tables_are_not_changed() -> None:
    """Reading leaves a table as it was, so that it can be read again."""
    table = {"proposers": [{"model": "openai:a", "fallbacks": ["openai:b"]}], "aggregator": {"model": "openai:c"}}
    kept = copy.deepcopy(table)
    assert read_layer("l", table, no_nested) == read_layer("l", table, no_nested)
    assert table == kept


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        pytest.param("openai:a", "l must be a table, got 'openai:a'", id="string"),
        pytest.param({}, "l: missing key 'proposers'", id="no-proposers"),
        pytest.param(
            {"proposers": ["openai:a"], "quota": 1}, "l: unknown key 'quota'. Allowed keys: proposers, quorum", id="key"
        ),
        pytest.param(
            {"proposers": "openai:a"}, r"l\.proposers must be a list, got 'openai:a'\. Write \['openai:a'\]", id="bare"
        ),
        pytest.param({"proposers": [3]}, r"l\.proposers\[0\] must be a table, got 3", id="number"),
        pytest.param({"proposers": ["openai:a", {}]}, r"l\.proposers\[1\]: missing key 'model'", id="no-model"),
        pytest.param(
            {"proposers": [{"model": "openai:a", "temp": 1}]}, r"l\.proposers\[0\]: unknown key 'temp'", id="seat-key"
        ),
        pytest.param(
            {"proposers": [{"model": "openai:a", "fallbacks": "openai:b"}]},
            r"l\.proposers\[0\]\.fallbacks must be a list, got 'openai:b'",
            id="bare-fallback",
        ),
        pytest.param({"proposers": ["openai:a"], "aggregator": []}, r"l\.aggregator must be a table", id="aggregator"),
    ],
)
def test_wrong_tables(table: object, problem: str) -> None:
    """A table that is wrong is refused with its place, the value and what is allowed."""
    with pytest.raises(ConfigurationError, match=problem):
        read_layer("l", table, no_nested)


def test_a_table_in_place_of_a_list_shows_no_secret() -> None:
    """`[proposers]` written for `[[proposers]]` is told without showing the key in it."""
    table = {"proposers": {"model": "openai:a", "model_kwargs": {"api_key": CANARY}}}
    with pytest.raises(ConfigurationError, match=r"l\.proposers must be a list, got a table with the keys") as caught:
        read_layer("l", table, no_nested)
    assert CANARY not in str(caught.value)
