"""Answers in a schema: every kind of schema is taken, and a value is read out of any answer or nothing is."""

from __future__ import annotations

import dataclasses
import json
import time
from contextlib import suppress
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from pydantic import AliasChoices, BaseModel, Field, field_validator
from typing_extensions import TypedDict

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.schemas import AnswerSchema, Unreadable
from tests.test_json_text import HOSTILE, PLAIN


class Address(BaseModel):
    """Where something is."""

    street: str
    number: int = Field(ge=1)


class Place(BaseModel):
    """A place."""

    city: str
    inhabitants: int | None = None
    home: Address | None = None
    renamed: float = Field(default=0.5, alias="shareOfWater")


class Written(TypedDict):
    """A place."""

    city: Annotated[str, ..., "Its name"]
    inhabitants: int | None


@dataclasses.dataclass
class Plain:
    """A place."""

    city: str
    inhabitants: int | None = None


class Picky(BaseModel):
    """A place that raises what no validator should."""

    city: str

    @field_validator("city")
    @classmethod
    def _check(cls, _: str) -> str:
        msg = "no city is\ngood enough"
        raise RuntimeError(msg)


class Optional(BaseModel):
    """Needs nothing."""

    name: str = "unknown"
    age: int | None = None


class OptionalTable(TypedDict, total=False):
    """Needs nothing."""

    name: str
    age: int | None


PLACE_SCHEMA = {
    "title": "Place",
    "type": "object",
    "properties": {"city": {"type": "string"}, "inhabitants": {"type": ["integer", "null"]}},
    "required": ["city"],
}
TOOL = {"type": "function", "function": {"name": "Place", "parameters": PLACE_SCHEMA}}
RESPONSE_FORMAT = {"type": "json_schema", "json_schema": {"name": "Place", "schema": PLACE_SCHEMA, "strict": True}}
KINDS = [
    pytest.param(Place, id="pydantic"),
    pytest.param(Written, id="typed-dict"),
    pytest.param(Plain, id="dataclass"),
    pytest.param(PLACE_SCHEMA, id="json-schema"),
    pytest.param(TOOL, id="tool"),
    pytest.param(RESPONSE_FORMAT, id="response-format"),
]
GOOD = '{"city": "Lyon", "inhabitants": 522250}'


def call(arguments: dict[str, Any], name: str = "Place") -> AIMessage:
    """Return an answer that calls a tool."""
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": "1"}])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_schema_is_read(kind: object) -> None:
    """A schema of any kind describes itself as a JSON schema and reads an answer that fits."""
    schema = AnswerSchema.of(kind)
    assert schema.json_schema["title"] == schema.name
    assert {"city", "inhabitants"} <= set(schema.json_schema["properties"])
    value = schema.read(AIMessage(GOOD))
    assert (value["city"], value["inhabitants"]) == ("Lyon", 522250)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["Lyon", "", '{"city": "Lyon"', '{"city": 4, "inhabitants": 5}', "[]", "{}"])
def test_what_does_not_fit_is_unreadable(kind: object, text: str) -> None:
    """An answer without a value that fits is unreadable, and it is said why; its text is kept."""
    with pytest.raises(Unreadable) as caught:
        AnswerSchema.of(kind).read(AIMessage(text))
    assert caught.value.text == text
    assert caught.value.why
    assert "\n" not in caught.value.why


def test_instances() -> None:
    """A value becomes an object of the class that was given, or stays a dict."""
    value = {"city": "Lyon", "inhabitants": 5}
    assert AnswerSchema.of(Place).instance(value) == Place.model_validate(value)
    assert AnswerSchema.of(Plain).instance(value) == Plain("Lyon", 5)
    assert AnswerSchema.of(Written).instance(value) == value
    assert AnswerSchema.of(PLACE_SCHEMA).instance(value) == value


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(GOOD, id="bare"),
        pytest.param(f"```json\n{GOOD}\n```", id="fenced"),
        pytest.param(f"Certainly! Here it is:\n\n{GOOD}\n\nAnything else?", id="prose"),
        pytest.param(f'First {{"town": 1}}, I mean {GOOD}', id="second-object"),
        pytest.param(f'<think>{{"city": "Paris"}}</think>{GOOD}', id="thoughts-do-not-count"),
        pytest.param(f'{{not json}} {GOOD} {{"city": "Paris"}}', id="first-that-fits"),
        pytest.param(f'Not {{"city": "Paris"}} but {GOOD}', id="most-of-the-fields"),
    ],
)
def test_a_value_is_found_in_text(text: str) -> None:
    """The object of the visible text that fits and has most fields is the value, the first among equals."""
    assert AnswerSchema.of(Place).read(AIMessage(text))["city"] == "Lyon"


@pytest.mark.parametrize("kind", [Optional, OptionalTable, AnswerSchema.of(Optional).json_schema])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"answer": {"name": "Ann", "age": 3}}', None, id="wrapped"),
        pytest.param('In {"foo": 1} form: {"name": "Ann"}', "Ann", id="second"),
        pytest.param('{"name": "unknown"}', "unknown", id="as-by-default"),
        pytest.param('{} or {"name": "Ann"}', "Ann", id="empty-first"),
    ],
)
def test_an_object_of_other_fields_says_nothing(kind: Any, text: str, expected: str | None) -> None:
    """Where no field is required, an object that has none of them is no value, unless it is empty."""
    schema = AnswerSchema.of(kind)
    assert schema.read(AIMessage("{}")) in ({}, {"name": "unknown", "age": None})
    if expected is None:
        with pytest.raises(Unreadable, match="none of the fields name, age"):
            schema.read(AIMessage(text))
    else:
        assert schema.read(AIMessage(text))["name"] == expected


def test_names_that_no_schema_tells() -> None:
    """What a class reads by a second name, and what a dict may hold besides, says something."""

    class Renamed(BaseModel):
        """Reads two names."""

        name: str = Field("", validation_alias=AliasChoices("name", "called"))

    assert AnswerSchema.of(Renamed).read(AIMessage('{"called": "Ann"}'))["name"] == "Ann"
    counts = {"title": "Counts", "properties": {"all": {}}, "additionalProperties": {"type": "integer"}}
    assert AnswerSchema.of(counts).read(AIMessage('{"Ann": 3}')) == {"Ann": 3}


def test_a_tool_call_counts_first() -> None:
    """Arguments of the schema's own tool are read before the text; calls of other tools do not count."""
    schema = AnswerSchema.of(Place)
    message = call({"city": "Lyon"}).model_copy(update={"content": '{"city": "Paris"}'})
    assert schema.read(message)["city"] == "Lyon"
    other = call({"city": "Lyon"}, name="search").model_copy(update={"content": '{"city": "Paris"}'})
    assert schema.read(other)["city"] == "Paris"


def test_a_broken_tool_call_is_told() -> None:
    """Arguments that are no JSON are unreadable, and kept as they came."""
    broken = {"name": "Place", "args": '{"city": "Ly', "id": "1", "error": None, "type": "invalid_tool_call"}
    with pytest.raises(Unreadable, match="broken") as caught:
        AnswerSchema.of(Place).read(AIMessage("", invalid_tool_calls=[broken]))
    assert caught.value.text == '{"city": "Ly'


def test_defaults_are_filled_in() -> None:
    """A class fills in its defaults, leaves out what it does not know, and uses the names that it reads by."""
    value = AnswerSchema.of(Place).read(AIMessage('{"city": "Lyon", "mayor": "?", "inhabitants": "7"}'))
    assert value == {"city": "Lyon", "inhabitants": 7, "home": None, "shareOfWater": 0.5}


def test_a_field_read_by_another_name_than_it_is_written() -> None:
    """Where a class cannot read what it writes, the value stays as it was given."""

    class Odd(BaseModel):
        """Reads `a`, writes `b`."""

        field: int = Field(validation_alias="a", serialization_alias="b")

    schema = AnswerSchema.of(Odd)
    assert schema.read(AIMessage('{"a": 1}')) == {"a": 1}
    assert schema.instance({"a": 1}).field == 1


def test_what_validators_raise_is_told_in_a_line() -> None:
    """Whatever a validator raises makes the answer unreadable, and nothing else."""
    with pytest.raises(Unreadable, match="no city is good enough"):
        AnswerSchema.of(Picky).read(AIMessage('{"city": "Lyon"}'))


def test_reasons_name_the_field_and_not_the_value() -> None:
    """What is wrong is told by its place, and not repeated."""
    with pytest.raises(Unreadable) as caught:
        AnswerSchema.of(Place).read(AIMessage('{"city": "Lyon", "home": {"street": 12345, "number": 0}}'))
    assert "home.street: " in caught.value.why
    assert "home.number: " in caught.value.why
    assert "12345" not in caught.value.why


def test_names_are_such_that_providers_take_them() -> None:
    """A title is made into a name of the signs and the length that tools may have."""
    name = AnswerSchema.of({**PLACE_SCHEMA, "title": "Répertoire[int] " * 9}).name
    assert name.startswith("R_pertoire_int_")
    assert len(name) == 64


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param(3, "got 3", id="number"),
        pytest.param(int, "got the class int", id="class"),
        pytest.param(None, "got None", id="nothing"),
        pytest.param({"type": "object", "properties": {"a": {}}}, "'title'", id="no-title"),
        pytest.param({"title": "x", "type": "array", "items": {}}, "must describe an object", id="list"),
        pytest.param({"title": "x", "type": "object"}, "with 'properties'", id="no-fields"),
        pytest.param({"type": "web_search"}, "'title'", id="tool-of-a-provider"),
    ],
)
def test_what_is_no_schema_is_refused(given: object, says: str) -> None:
    """What describes no object is refused, and it is said what to give."""
    with pytest.raises(ConfigurationError, match="answer schema") as caught:
        AnswerSchema.of(given)
    assert says in str(caught.value)


def test_a_schema_is_a_copy() -> None:
    """Changing the dict that was given changes nothing."""
    given = json.loads(json.dumps(PLACE_SCHEMA))
    schema = AnswerSchema.of(given)
    given["properties"]["city"]["type"] = "integer"
    assert schema.read(AIMessage(GOOD))["city"] == "Lyon"
    assert schema == AnswerSchema.of(PLACE_SCHEMA)


ANYTHING = {"title": "Anything", "type": "object", "properties": {"held": {}}, "required": ["held"]}


@settings(deadline=None)
@given(PLAIN)
def test_what_is_written_is_read(held: object) -> None:
    """`read` gives back what `write` has written, from text and from a tool's arguments."""
    schema = AnswerSchema.of(ANYTHING)
    value = {"held": held}
    assert schema.read(AIMessage(schema.write(value))) == value
    assert schema.read(call(value, name="Anything")) == value


@settings(deadline=None)
@given(st.builds(Place, city=st.text(st.characters(exclude_categories=["Cs"])), inhabitants=st.none() | st.integers()))
def test_instances_come_back(place: Place) -> None:
    """An object of a class comes back from its written value."""
    schema = AnswerSchema.of(Place)
    assert schema.instance(schema.read(AIMessage(place.model_dump_json(by_alias=True)))) == place


@settings(deadline=None)
@given(HOSTILE.map("".join) | st.text(), st.sampled_from([Place, Written, Plain, Picky, PLACE_SCHEMA, ANYTHING]))
def test_hostile_text_is_unreadable_at_worst(text: str, kind: object) -> None:
    """Whatever an answer holds, a value is read that can be written again, or it is unreadable."""
    schema = AnswerSchema.of(kind)
    with suppress(Unreadable):
        value = schema.read(AIMessage(f'{{"held": {text}}} {text}'))
        assert schema.read(AIMessage(schema.write(value))) == value


@pytest.mark.parametrize("arguments", [{"city": float("nan")}, {"city": object()}, {"city": "\ud83d"}, {}])
def test_hostile_arguments_are_unreadable_at_worst(arguments: dict[str, Any]) -> None:
    """Arguments that no JSON can hold are no value."""
    message = call({"city": "x"})
    message.tool_calls[0]["args"] = arguments
    try:
        value = AnswerSchema.of(Place).read(message)
    except Unreadable:
        return
    json.dumps(value, ensure_ascii=False).encode()


def test_arguments_that_hold_themselves() -> None:
    """Arguments without end are no value."""
    arguments: dict[str, Any] = {}
    arguments["city"] = arguments
    message = call({"city": "x"})
    message.tool_calls[0]["args"] = arguments
    with pytest.raises(Unreadable):
        AnswerSchema.of(Place).read(message)


@pytest.mark.parametrize("text", ['{"city": 1}' * 90_000, '{"city":' * 120_000, "{" * 1_000_000])
def test_a_megabyte_of_braces_is_soon_given_up(text: str) -> None:
    """A megabyte of what is no answer is unreadable within seconds."""
    begun = time.perf_counter()
    with pytest.raises(Unreadable):
        AnswerSchema.of(Place).read(AIMessage(text))
    assert time.perf_counter() - begun < 10
