"""Answers in a schema: what one must look like, and how it is read out of a message. Pure."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import Any, Self, TypeAlias, cast

from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel, TypeAdapter
from typing_extensions import is_typeddict

from langgraph_moa.checks import shown
from langgraph_moa.conformance import misfit
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.json_text import objects_in, read_json, why_no_object, write_json
from langgraph_moa.proposal import visible_text

_LONGEST_REASON = 300
_MOST_REASONS = 3
_NO_NAME_SIGN = re.compile(r"[^a-zA-Z0-9_-]+")
_LONGEST_NAME = 64
"""Signs and length that every provider takes in the name of a tool."""


class Unreadable(Exception):  # noqa: N818 - a finding for the caller to act on, not an error that users see
    """An answer holds no value of its schema.

    Args:
        text: What it holds instead: the arguments of the schema's tool call, or the visible text.
        why: In one line.
    """

    def __init__(self, text: str, why: str) -> None:
        super().__init__(text, why)
        self.text = text
        self.why = why

    def __str__(self) -> str:
        return self.why


SchemaLike: TypeAlias = type | Mapping[str, Any]
"""A Pydantic class, a `TypedDict`, a dataclass, or a JSON schema with a title, also as an OpenAI tool."""


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """What an answer must look like: one JSON object."""

    name: str
    """Of the schema, and of the tool that a provider may be asked to call with its value."""
    json_schema: Mapping[str, Any]
    """With `name` as its title: for chat models, which all take this form."""
    _load: Callable[[str], Any] = field(repr=False, compare=False)
    """Makes a value of JSON, or raises whatever says why it does not fit."""
    _dump: Callable[[Any], str | bytes] = field(repr=False, compare=False)

    @classmethod
    def of(cls, schema: object) -> Self:
        """Read a schema of any kind that LangChain's `with_structured_output` takes.

        Args:
            schema: A Pydantic class, a `TypedDict`, a dataclass, or a dict: a JSON schema with a `title`, or an
                OpenAI tool or response format. Of the last kinds values stay dicts, and are checked as in
                `conformance`.

        Raises:
            ConfigurationError: It is something else, or describes no object.
        """
        described = _described(schema)
        if described.get("type", "object") != "object" or not described.get("properties"):
            msg = f"answer schema {described['title']!r} must describe an object with 'properties'"
            raise ConfigurationError(f"{msg}. Put a list, or a single value, into a field of an object")
        name = _NO_NAME_SIGN.sub("_", str(described["title"]))[:_LONGEST_NAME]
        json_schema = {"type": "object", **described, "title": name}
        load, dump = _reader(schema, json_schema)
        return cls(name, json_schema, load, dump)

    def read(self, message: AIMessage) -> dict[str, Any]:
        """Return the value that an answer holds, as plain data.

        A call of the tool that has the schema's name counts first, then the first JSON object of the visible text that
        fits. A Pydantic class or dataclass also fills in its defaults and leaves out what it does not know.

        Raises:
            Unreadable: No value is there that fits. Nothing else is raised, whatever the answer holds.
        """
        texts = list(self._called_with(message)) or [visible_text(message)]
        why = None
        for found in (found for text in texts for found in objects_in(text)):
            try:
                return self._checked(found)
            except Exception as error:  # noqa: BLE001 - a validator is the user's code, and may raise anything
                why = why or _reason(error)
        raise Unreadable(texts[0], why or why_no_object(texts[0]))

    def write(self, value: Mapping[str, Any]) -> str:
        """Return a value as text, the same for equal values; `read` gives it back."""
        return write_json(value)

    def instance(self, value: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what the schema describes
        """Return a value as what was given for a schema: an object of that class, or a dict.

        Raises:
            Exception: Whatever the class raises; nothing for what `read` has given.
        """
        return self._load(write_json(value))

    def _called_with(self, message: AIMessage) -> Iterator[str]:
        """Yield the arguments of every call of the schema's tool, as text."""
        for call in message.tool_calls:
            if call["name"] == self.name:
                yield _arguments(call["args"])
        for broken in message.invalid_tool_calls:
            if broken["name"] == self.name:
                yield broken["args"] or ""

    def _checked(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return a value that fits, in the form in which it reads the same again."""
        given = write_json(value)
        written = self._dump(self._load(given))
        try:
            plain = read_json(written.decode() if isinstance(written, bytes) else written)
            self._load(write_json(plain))
        except Exception:  # noqa: BLE001 - as with a field that is read by one name and written by another
            return value
        return plain if isinstance(plain, dict) else value


def read_schema(what: str, schema: object) -> SchemaLike | None:
    """Return what `AnswerSchema.of` takes: a class, or a copy of a dict as a JSON schema; `None` for `None`.

    Args:
        what: Name of the field in errors.
        schema: As it was given.

    Raises:
        ConfigurationError: It describes no object.
    """
    if schema is None:
        return None
    try:
        read = AnswerSchema.of(schema)
    except ConfigurationError as error:
        msg = f"{what}: {error}"
        raise ConfigurationError(msg) from error
    return schema if isinstance(schema, type) else read.json_schema


def write_schema(schema: AnswerSchema) -> dict[str, Any]:
    """Return a schema as data for TOML or JSON; TOML knows no null, which as a default says nothing."""
    return cast("dict[str, Any]", _without_null_defaults(schema.json_schema))


def _without_null_defaults(value: object) -> object:
    if isinstance(value, Mapping):
        kept = {name: held for name, held in value.items() if name != "default" or held is not None}
        return {name: _without_null_defaults(held) for name, held in kept.items()}
    return [_without_null_defaults(item) for item in value] if isinstance(value, list) else value


def _described(schema: object) -> dict[str, Any]:
    """Return the JSON schema of a schema of any kind."""
    if not isinstance(schema, Mapping | type) or (isinstance(schema, type) and not _is_described_by_class(schema)):
        msg = (
            "an answer schema must be a Pydantic class, a TypedDict, a dataclass or a JSON schema with a title; "
            f"got {_name_of(schema)}"
        )
        raise ConfigurationError(msg)
    try:
        if isinstance(schema, type) and is_dataclass(schema):
            return {"title": schema.__name__, **TypeAdapter(schema).json_schema()}
        return copy.deepcopy(convert_to_json_schema(_unwrapped(schema)))
    except Exception as error:
        told = f": {_reason(error)}" if isinstance(schema, type) else ""
        msg = f"answer schema {_name_of(schema)} cannot be read{told}. Give a JSON schema with 'title' and 'properties'"
        raise ConfigurationError(msg) from error


def _name_of(schema: object) -> str:
    return f"the class {schema.__name__}" if isinstance(schema, type) else shown(schema)


def _is_described_by_class(schema: type) -> bool:
    return is_basemodel_subclass(schema) or is_typeddict(schema) or is_dataclass(schema)


def _unwrapped(schema: Any) -> Any:  # noqa: ANN401 - whatever LangChain takes
    """Return the tool in an OpenAI tool, and a JSON schema in an OpenAI response format."""
    if not isinstance(schema, Mapping):
        return schema
    held = schema.get("json_schema") if schema.get("type") == "json_schema" else schema
    if isinstance(held, Mapping) and isinstance(held.get("schema"), Mapping) and "name" in held:
        return {**held["schema"], "title": held["name"]}
    function = schema.get("function") if schema.get("type") == "function" else None
    return dict(function) if isinstance(function, Mapping) else dict(schema)


def _reader(
    schema: object, json_schema: Mapping[str, Any]
) -> tuple[Callable[[str], Any], Callable[[Any], str | bytes]]:
    """Return what makes a value of JSON, and what makes JSON of such a value."""
    if isinstance(schema, type) and (issubclass(schema, BaseModel) or is_dataclass(schema)):
        adapter = TypeAdapter(schema)
        return adapter.validate_json, lambda value: adapter.dump_json(value, by_alias=True, warnings=False)
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        older: Any = schema  # of Pydantic 1
        return older.parse_raw, lambda value: str(value.json(by_alias=True))
    return lambda text: _fitting(text, json_schema), write_json


def _fitting(text: str, json_schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - plain data
    value = read_json(text)
    problem = misfit(value, json_schema)
    if problem is not None:
        raise ValueError(problem)
    return value


def _arguments(arguments: object) -> str:
    try:
        return json.dumps(arguments, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return ""


def _reason(error: Exception) -> str:
    """Say in a line why a value does not fit, without repeating it."""
    try:
        listed = getattr(error, "errors", None)
        details = listed() if callable(listed) else []
        said = [f"{'.'.join(map(str, one['loc'])) or 'the answer'}: {one['msg']}" for one in details[:_MOST_REASONS]]
        more = len(details) - len(said)
        text = "; ".join([*said, *([f"and {more} more"] if more else [])]) or str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - an exception that cannot be shown says its kind alone
        text = type(error).__name__
    return " ".join(text.split())[:_LONGEST_REASON]
