"""Schemas that are read, written or described in odd ways: each means what its author meant."""

from __future__ import annotations

import dataclasses
import json
import tomllib
import typing
from typing import Annotated, Any, NotRequired, Required

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from pydantic import AfterValidator, BaseModel, Field, SecretStr
from typing_extensions import TypedDict

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture import Mixture
from langgraph_moa.schemas import AnswerSchema, Unreadable, read_schema


class Odd(BaseModel):
    """Is read as other than it is written, in every way that Pydantic has."""

    percent: Annotated[float, AfterValidator(lambda given: given / 100)] = 0.0
    renamed: int = Field(0, validation_alias="read_as", serialization_alias="written_as")
    hidden: int = Field(0, exclude=True)
    secret: SecretStr = SecretStr("")
    plain: str = ""


class Tree(BaseModel):
    """Holds itself."""

    value: int
    children: list[Tree] = []


class TreeTable(TypedDict):
    """Holds itself."""

    value: int
    children: list[TreeTable]


@dataclasses.dataclass
class TreeData:
    """Holds itself."""

    value: int
    children: list[TreeData] = dataclasses.field(default_factory=list)


TREE_SCHEMA = {"title": "Tree", "$ref": "#/$defs/Tree", "$defs": Tree.model_json_schema()["$defs"]}


def test_fields_that_need_not_be_there() -> None:
    """A `TypedDict` says which keys it needs, what they mean, and nothing of what a dict is."""

    class Table(TypedDict, total=False):
        name: Required[str]
        age: Annotated[int, ..., "In years"]

    class Other(TypedDict):
        name: str
        age: NotRequired[Annotated[int, ..., "In years"]]

    class Older(typing.TypedDict, total=False):
        name: str
        age: Annotated[int, ..., "In years"]

    for kind, required in ((Table, ["name"]), (Other, ["name"]), (Older, None)):
        schema = AnswerSchema.of(kind)
        assert schema.json_schema.get("required") == required
        assert schema.json_schema["properties"]["age"]["description"] == "In years"
        assert "description" not in schema.json_schema
        assert schema.read(AIMessage('{"name": "Ann"}')) == {"name": "Ann"}


@pytest.mark.parametrize("kind", [Tree, TreeTable, TreeData, TREE_SCHEMA], ids=["class", "table", "data", "schema"])
def test_schemas_that_hold_themselves(kind: Any) -> None:
    """A schema that holds itself is checked at every depth, also when it was written and read back."""
    mixture = Mixture.of(["openai:a"], "openai:b", answer_schema=kind)
    again = Mixture.from_dict(tomllib.loads(tomli_w.dumps(mixture.to_dict())))
    for schema in (AnswerSchema.of(kind), again.schema):
        assert schema is not None
        value = {"value": 1, "children": [{"value": 2, "children": [{"value": 3, "children": []}]}]}
        assert schema.read(AIMessage(schema.write(value))) == value
        for wrong in ('{"value": 1, "children": ["no"]}', schema.write(value).replace("3", '"no"')):
            with pytest.raises(Unreadable):
                schema.read(AIMessage(wrong))


@pytest.mark.parametrize(
    "given", ['{"title', "[]", {**TREE_SCHEMA, "examples": [float("nan")]}, {**TREE_SCHEMA, "examples": [{1}]}]
)
def test_what_no_json_can_hold_is_refused(given: Any) -> None:
    """A text that is no JSON schema, and a schema that cannot be written, are refused as such."""
    with pytest.raises(ConfigurationError, match="answer schema"):
        read_schema("answer_schema", given)


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "percent": st.integers(-(2**53), 2**53),
            "read_as": st.integers(),
            "hidden": st.integers(),
            "secret": st.text(st.characters(exclude_categories=["Cs"])),
            "plain": st.text(st.characters(exclude_categories=["Cs"])),
        },
    )
)
def test_a_value_is_what_the_class_has_read(given: dict[str, Any]) -> None:
    """However a class reads and writes, the object of a value is what it makes of the answer, read once or often."""
    schema = AnswerSchema.of(Odd)
    value = schema.read(AIMessage(json.dumps(given)))
    assert schema.instance(value) == Odd.model_validate(given)
    assert schema.read(AIMessage(schema.write(value))) == value
