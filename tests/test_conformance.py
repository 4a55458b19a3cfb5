"""A value either fits its schema, or it is said where it first does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from langgraph_moa.conformance import misfit
from tests.test_json_text import PLAIN

ANIMAL = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
TREE: dict[str, Any] = {
    "$ref": "#/$defs/node~1x",
    "$defs": {"node/x": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node~1x"}}, "required": ["next"]}},
}


@pytest.mark.parametrize(
    ("schema", "fits", "does_not", "says"),
    [
        pytest.param({"type": "integer"}, 3, 3.5, "must be integer, got number", id="integer"),
        pytest.param({"type": "integer"}, 3.0, True, "must be integer, got boolean", id="true-is-no-number"),
        pytest.param({"type": "number"}, 3, "3", "must be number, got string", id="number"),
        pytest.param({"type": ["string", "null"]}, None, 1, "must be string or null", id="one-of-types"),
        pytest.param({"enum": ["a", 1]}, 1, True, 'must be one of ["a", 1]', id="enum"),
        pytest.param({"const": "x"}, "x", "y", 'must be "x"', id="const"),
        pytest.param(ANIMAL, {"name": "a"}, {}, '["name"] is missing', id="required"),
        pytest.param(ANIMAL, {"name": "a"}, {"name": 1}, "name: must be string", id="property"),
        pytest.param(
            {"properties": {"a": {}}, "additionalProperties": False}, {"a": 1}, {"b": 1}, "b: nothing", id="closed"
        ),
        pytest.param({"additionalProperties": {"type": "string"}}, {"a": "x"}, {"a": 1}, "a: must be", id="additional"),
        pytest.param({"items": ANIMAL}, [{"name": "a"}], [{"name": 1}], "[0].name: must be string", id="items"),
        pytest.param(
            {"prefixItems": [{"type": "null"}], "items": False}, [None], [1], "[0]: must be", id="first-items"
        ),
        pytest.param({"prefixItems": [{}], "items": False}, [1], [1, 2], "[1]: nothing is allowed", id="further-items"),
        pytest.param({"anyOf": [{"type": "null"}, ANIMAL]}, None, 1, "fits none of the 2 forms", id="any"),
        pytest.param({"oneOf": [{"minimum": 1}, {"maximum": 5}]}, 7, 3, "exactly one of 2 forms, fits 2", id="one"),
        pytest.param({"allOf": [{"minimum": 1}, {"maximum": 5}]}, 3, 7, "must be at most 5", id="all"),
        pytest.param({"exclusiveMinimum": 1}, 2, 1, "must be above 1", id="above"),
        pytest.param({"exclusiveMaximum": 1}, 0, 1, "must be below 1", id="below"),
        pytest.param({"minLength": 2}, "ab", "a", "at least this many characters: 2", id="length"),
        pytest.param({"maxItems": 1}, [1], [1, 2], "at most this many items: 1", id="size"),
        pytest.param({"minimum": 1}, "a text", 0, "the answer: must be at least 1", id="of-numbers-alone"),
        pytest.param(ANIMAL, {"name": "a", "more": 1}, [], "must be object, got array", id="object"),
        pytest.param(
            {"properties": {"t": {"$ref": "#/$defs/t"}}, "$defs": {"t": {"type": "null"}}},
            {"t": None},
            {"t": 1},
            "t: must be null",
            id="reference",
        ),
    ],
)
def test_keyword(schema: dict[str, Any], fits: object, does_not: object, says: str) -> None:
    """Each keyword lets pass what fits, and says of the rest where and what."""
    assert misfit(fits, schema) is None
    assert says in (misfit(does_not, schema) or "")


def test_a_schema_that_holds_itself() -> None:
    """A recursive schema is followed as deep as the value is."""
    assert misfit({"next": {"next": {}}}, TREE) == 'next.next: ["next"] is missing'


@settings(deadline=None)
@given(PLAIN)
def test_everything_fits_what_asks_for_nothing(value: object) -> None:
    """Unknown keywords, unknown types and an empty schema refuse nothing."""
    assert misfit(value, {}) is None
    assert misfit(value, {"format": "email", "type": "decimal", "$ref": "https://127.0.0.1/elsewhere"}) is None
