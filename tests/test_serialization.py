"""Dataclasses as tables: only what differs from a default is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.serialization import as_mapping, plain_table, read_fields


@dataclass(frozen=True)
class Recipe:
    """Fields of each kind: needed, with a default, with a factory, not for the constructor."""

    dish: str
    portions: int = 2
    note: str | None = None
    spices: Mapping[str, Any] = field(default_factory=dict)
    weight: int = field(default=0, init=False)


def test_defaults_are_not_written() -> None:
    """A field that has its default value is left out."""
    assert plain_table(Recipe("soup")) == {"dish": "soup"}


def test_what_differs_is_written() -> None:
    """A field that differs from its default is written, and one that may not be given is not."""
    assert plain_table(Recipe("soup", portions=4, note="hot", spices={"salt": 1})) == {
        "dish": "soup",
        "portions": 4,
        "note": "hot",
        "spices": {"salt": 1},
    }


def test_nested_values_replace_the_fields_own() -> None:
    """A replaced field is written as the replacement, if it is written at all."""
    table = plain_table(Recipe("soup", portions=4), dish={"name": "soup"}, spices={"salt": 1})
    assert table == {"dish": {"name": "soup"}, "portions": 4}


def test_none_is_never_written() -> None:
    """`None` has no written form in TOML, so it is left out."""
    assert "note" not in plain_table(Recipe("soup", note=None))


def test_read_fields_returns_a_copy() -> None:
    """The table that is read is not changed by changing what comes back."""
    table = {"dish": "soup"}
    read_fields("recipe", table, Recipe).clear()
    assert table == {"dish": "soup"}


def test_missing_key() -> None:
    """A missing field without a default is named."""
    with pytest.raises(ConfigurationError, match=r"recipe: missing key 'dish'\. Allowed keys: dish, portions"):
        read_fields("recipe", {"portions": 1}, Recipe)


def test_unknown_key() -> None:
    """An unknown key is named, together with every key that is allowed."""
    expected = "recipe: unknown key 'weight'. Allowed keys: dish, portions, note, spices, cook"
    with pytest.raises(ConfigurationError, match=expected):
        read_fields("recipe", {"dish": "soup", "weight": 3}, Recipe, also=["cook"])


def test_optional_and_further_keys() -> None:
    """A field may be declared optional, and keys besides the fields allowed."""
    assert read_fields("recipe", {"cook": "Ada"}, Recipe, also=["cook"], optional=["dish"]) == {"cook": "Ada"}


@pytest.mark.parametrize("value", ["a=1", ["a"], 3, None, {1: "a"}], ids=repr)
def test_what_is_no_mapping(value: object) -> None:
    """What is no mapping from strings is refused."""
    with pytest.raises(ConfigurationError, match="x must be a mapping from argument names to values, got"):
        as_mapping("x", value)


def test_mapping_errors_show_no_values() -> None:
    """Arguments in the wrong shape are not shown: one of them may be a key."""
    with pytest.raises(ConfigurationError) as caught:
        as_mapping("Proposer.model_kwargs", [("api_key", "c4n4ry-7f3e9b1d")])
    assert not re.search("c4n4ry", str(caught.value))
