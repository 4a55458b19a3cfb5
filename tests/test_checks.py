"""Checks of single values: what they let through, and that their errors name value, bounds and remedy."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError

CANARY = "c4n4ry-7f3e9b1d"


@pytest.mark.parametrize("value", [None, 0, 0.5, 2, 2.0], ids=repr)
def test_numbers_within_bounds(value: object) -> None:
    """Both ends of `low..high` are allowed, and so is `None`."""
    checks.number("x", value, low=0, high=2)


@pytest.mark.parametrize("value", [-0.1, 2.1, True, "1", math.nan, math.inf, -math.inf, [1]], ids=repr)
def test_numbers_out_of_bounds(value: object) -> None:
    """What is no finite number within the bounds is refused with the bounds and the value."""
    with pytest.raises(
        ConfigurationError, match=r"x must be a number at least 0 and at most 2, or None; got"
    ) as caught:
        checks.number("x", value, low=0, high=2)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf], ids=repr)
def test_numbers_are_finite(value: float) -> None:
    """A bound on one side only does not let infinity through: no wait is without end."""
    with pytest.raises(ConfigurationError, match="above 0"):
        checks.number("Layer.deadline", value, above=0)


def test_above_is_exclusive() -> None:
    """A number must be greater than `above`."""
    checks.number("x", 0.001, above=0)
    with pytest.raises(ConfigurationError, match="x must be a number above 0, or None; got 0"):
        checks.number("x", 0, above=0)


@pytest.mark.parametrize("value", [0, 4, 1.0, True, "2", None], ids=repr)
def test_whole_numbers_out_of_bounds(value: object) -> None:
    """What is no integer within the bounds is refused with the bounds and the value."""
    with pytest.raises(ConfigurationError, match=re.escape(f"x must be a whole number in 1..3, got {value!r}")):
        checks.whole_number("x", value, low=1, high=3)


def test_whole_numbers_within_bounds() -> None:
    """Both ends are allowed, and without `high` there is no upper one."""
    checks.whole_number("x", 1, low=1, high=3)
    checks.whole_number("x", 3, low=1, high=3)
    checks.whole_number("x", 10**9, low=1)
    with pytest.raises(ConfigurationError, match="in 1 or more, got 0"):
        checks.whole_number("x", 0, low=1)


def test_choice() -> None:
    """A word that is not allowed is refused with those that are."""
    checks.choice("x", "tail", ("tail", "system"))
    with pytest.raises(ConfigurationError, match="x must be one of 'tail', 'system'; got 'head'"):
        checks.choice("x", "head", ("tail", "system"))


@pytest.mark.parametrize("value", [["a", "b"], ("a", "b"), iter(["a", "b"])], ids=["list", "tuple", "iterator"])
def test_lists(value: object) -> None:
    """Whatever holds its items in order is a list."""
    assert checks.listed("x", value) == ("a", "b")


@pytest.mark.parametrize("value", ["ab", b"ab", {"a": 1}, 3, None, {"a"}, frozenset("a")], ids=str)
def test_what_is_no_list(value: object) -> None:
    """A string, a mapping, a set or a single thing is refused: it would be read letter by letter or in any order."""
    with pytest.raises(ConfigurationError, match="x must be a list, got"):
        checks.listed("x", value)


def test_a_bare_string_where_a_list_was_meant() -> None:
    """The error for a bare string names it and shows the list to write."""
    with pytest.raises(ConfigurationError, match=re.escape("x must be a list, got 'a:b'. Write ['a:b']")):
        checks.listed("x", "a:b")


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(lambda value: checks.listed("x", value), id="listed"),
        pytest.param(lambda value: checks.known_keys("x", [value], ["a"]), id="known_keys"),
        pytest.param(lambda value: checks.text("x", value), id="text"),
        pytest.param(lambda value: checks.number("x", value), id="number"),
        pytest.param(lambda value: checks.whole_number("x", value, low=1), id="whole_number"),
        pytest.param(lambda value: checks.choice("x", value, ["a"]), id="choice"),
    ],
)
def test_errors_do_not_show_what_a_table_holds(check: Callable[[object], object]) -> None:
    """A table in the wrong place is named by its keys: a value in it may be a key."""
    with pytest.raises(ConfigurationError) as caught:
        check({"model": "openai:gpt-4o", "model_kwargs": {"api_key": CANARY}})
    assert CANARY not in str(caught.value)


def test_missing_keys() -> None:
    """Keys that must be there are named when they are not, and without a list of keys all are allowed."""
    assert checks.known_keys("x", {"a": 1, "z": 2}, required=["a"]) == {"a": 1, "z": 2}
    with pytest.raises(ConfigurationError, match=r"x: missing key 'b'\. Allowed keys: a, b"):
        checks.known_keys("x", {"a": 1}, ["a", "b"], required=["a", "b"])


def test_known_keys() -> None:
    """A table comes back as a copy, and keys that mean nothing are refused with those that are allowed."""
    table = {"a": 1}
    read = checks.known_keys("x", table, ["a", "b"])
    assert read == table
    assert read is not table
    with pytest.raises(ConfigurationError, match=r"x: unknown key 'c', 'd'\. Allowed keys: a, b"):
        checks.known_keys("x", {"a": 1, "c": 2, "d": 3}, ["a", "b"])


@pytest.mark.parametrize("table", ["a", 3, None, ["a"]], ids=repr)
def test_what_is_no_table(table: object) -> None:
    """What is no table is refused with what it is and what to write."""
    with pytest.raises(ConfigurationError, match=r"x must be a table, got .*Write key = value pairs"):
        checks.known_keys("x", table, ["a", "b"])


@pytest.mark.parametrize("value", ["", " \n", 3, ["a"]], ids=repr)
def test_what_is_no_text(value: object) -> None:
    """Text with nothing in it, or something else than text, is refused."""
    with pytest.raises(ConfigurationError, match="x must be text, or None; got"):
        checks.text("x", value)


def test_text() -> None:
    """Text and `None` are allowed."""
    checks.text("x", "Answer briefly.")
    checks.text("x", None)
