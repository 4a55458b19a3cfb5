"""Structured answers field by field: who supports a field, and what most of them say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.agreement import MOST_FIELDS, field_agreement, nearest, path_of, plurality
from tests.test_json_text import OBJECTS

LYON: dict[str, Any] = {"city": "Lyon", "size": 2, "at": {"river": "Saône", "sea": None}}
PARIS: dict[str, Any] = {"city": "Paris", "size": 2.0, "at": {"river": "Seine", "sea": None}}
VALUES = st.lists(OBJECTS, min_size=1, max_size=4)


def test_each_field_has_its_supporters() -> None:
    """A field names who has its value, which share that is, and how many values there are."""
    fields = field_agreement(PARIS, [("a", PARIS), ("b", LYON), ("c", PARIS), ("d", None)])
    assert fields == {
        "city": {"agreement": 0.5, "supporters": ["a", "c"], "values": 2},
        "size": {"agreement": 0.75, "supporters": ["a", "b", "c"], "values": 1},
        "at.river": {"agreement": 0.5, "supporters": ["a", "c"], "values": 2},
        "at.sea": {"agreement": 0.75, "supporters": ["a", "b", "c"], "values": 1},
    }


@pytest.mark.parametrize(
    ("left", "right", "agree"),
    [
        pytest.param("Paris", " paris ", True, id="case-and-space"),
        pytest.param("Paris", "Paris.", False, id="punctuation"),
        pytest.param(1, 1.0, True, id="number"),
        pytest.param(1, True, False, id="true-is-no-number"),
        pytest.param(1, "1", False, id="text-is-no-number"),
        pytest.param(None, False, False, id="null-is-not-false"),
        pytest.param([1, "A"], [1.0, "a"], True, id="list"),
        pytest.param([1, 2], [2, 1], False, id="order-of-a-list"),
        pytest.param({}, {"a": 1}, False, id="empty-object"),
        pytest.param("object", {"a": 1}, False, id="text-and-object"),
    ],
)
def test_when_values_agree(left: object, right: object, *, agree: bool) -> None:
    """Values agree whatever their writing, and never across types."""
    fields = field_agreement({"x": left}, [("slot", {"x": right})])
    assert fields["x"]["agreement"] == float(agree)
    assert fields["x"]["values"] == 1


def test_a_field_that_nobody_has() -> None:
    """A field of the answer's own has no supporters and no values."""
    assert field_agreement({"x": 1}, [("slot", {})])["x"] == {"agreement": 0.0, "supporters": [], "values": 0}
    assert field_agreement({"x": 1}, []) == {}


def test_fields_are_bounded() -> None:
    """Of a wide answer the first 200 fields are told, and a long path is cut."""
    wide = {"x" * 500: 1, **{str(number): number for number in range(MOST_FIELDS)}}
    fields = field_agreement(wide, [("slot", wide)])
    assert len(fields) == MOST_FIELDS
    assert max(map(len, fields)) == 200


@pytest.mark.parametrize(
    ("steps", "path"),
    [
        (("a", "b"), "a.b"),
        (("a.b", "c"), '["a.b"].c'),
        (("a", ""), 'a[""]'),
        (("größe",), "größe"),
        (("x]",), '["x]"]'),
    ],
)
def test_paths(steps: tuple[str, ...], path: str) -> None:
    """Names are joined by dots, and quoted where they could be misread."""
    assert path_of(steps) == path


@settings(deadline=None)
@given(st.lists(st.text(max_size=6), min_size=1, max_size=4), st.lists(st.text(max_size=6), min_size=1, max_size=4))
def test_no_two_fields_share_a_path(left: list[str], right: list[str]) -> None:
    """Different places have different paths."""
    assert (path_of(left) == path_of(right)) == (left == right)


@pytest.mark.parametrize(
    ("values", "merged"),
    [
        pytest.param([LYON, PARIS, PARIS], PARIS, id="majority"),
        pytest.param([LYON, PARIS], LYON, id="tie-goes-to-the-earliest"),
        pytest.param([{"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 2, "b": 2}], {"a": 2, "b": 1}, id="nobody-said-it-all"),
        pytest.param([{"a": 1}, {"b": 2}, {"b": 3, "a": 1}], {"a": 1, "b": 2}, id="every-field-for-itself"),
        pytest.param([{"a": 1}, {}, {}], {}, id="left-out"),
        pytest.param([{"a": {"x": 1}}, {"a": 5}, {"a": {"x": 2}}, {"a": {"x": 2}}], {"a": {"x": 2}}, id="objects"),
    ],
)
def test_plurality(values: list[dict[str, Any]], merged: dict[str, Any]) -> None:
    """Each field is as most have it."""
    assert plurality(values) == merged


@settings(deadline=None)
@given(OBJECTS, st.integers(min_value=1, max_value=4))
def test_one_voice_is_the_plurality(value: dict[str, Any], count: int) -> None:
    """Where all say the same, that is the plurality, and every field has all supporters."""
    assert plurality([value] * count) == value
    fields = field_agreement(value, [(str(index), value) for index in range(count)])
    assert all(field["agreement"] == 1.0 and field["values"] == 1 for field in fields.values())


@settings(deadline=None)
@given(VALUES)
def test_results_are_in_bounds(values: list[dict[str, Any]]) -> None:
    """For any values the plurality has no field of its own, and shares are in 0..1."""
    merged = plurality(values)
    assert set(merged) <= {name for value in values for name in value}
    assert 0 <= nearest(merged, values) < len(values)
    fields = field_agreement(merged, [(str(index), value) for index, value in enumerate(values)])
    assert all(0 <= field["agreement"] <= 1 for field in fields.values())


def test_the_nearest_has_most_fields() -> None:
    """The nearest value shares most fields with the merged one; the earliest among equals."""
    values = [{"a": 1, "b": 2}, {"a": 1, "b": 1}, {"a": 1, "b": 1}]
    assert nearest({"a": 1, "b": 1}, values) == 1
