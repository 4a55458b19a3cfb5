"""Answers in a schema: what one must look like, and how it is read out of a message. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import Annotated, Any, NotRequired, Required, Self, TypeAlias, get_args, get_origin

from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel, PydanticUserError, TypeAdapter
from typing_extensions import ReadOnly, get_type_hints, is_typeddict

from langgraph_moa.checks import shown
from langgraph_moa.conformance import misfit
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.json_text import objects_in, read_json, why_no_object, write_json
from langgraph_moa.proposal import visible_text
from langgraph_moa.surrogates import well_formed

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
        json_schema = _plain({"type": "object", **described, "title": name})
        load, dump = _reader(schema, json_schema)
        return cls(name, json_schema, load, dump)

    def read(self, message: AIMessage) -> dict[str, Any]:
        """Return the value that an answer holds, as plain data.

        A call of the tool that has the schema's name counts first, then the JSON objects of the visible text. Of those
        that fit, the one with most of the schema's properties is the value, the first among equals; one that has none
        of them says nothing, unless it is exactly `{}`. A Pydantic class or dataclass also fills in its defaults and
        leaves out what it does not know, where it reads the same again from what it writes.

        Raises:
            Unreadable: No value is there that fits. Nothing else is raised, whatever the answer holds.
        """
        texts = list(self._called_with(message)) or [visible_text(message)]
        why = None
        fitting: list[tuple[int, dict[str, Any]]] = []
        for found in (found for text in texts for found in objects_in(text)):
            try:
                fitting.append((self._known_in(found), self._checked(found)))
            except Exception as error:  # noqa: BLE001 - a validator is the user's code, and may raise anything
                why = why or _reason(error)
        if fitting:
            return max(fitting, key=lambda one: one[0])[1]
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
                yield well_formed(broken["args"] or "")

    def _checked(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return a value that fits: as the class writes it where that reads as the same, or else as it came.

        A validator may change what it reads, and a field may be written by another name, hidden, or not at all.
        """
        instance = self._load(write_json(value))
        if value and not self._known_in(value) and self._is_as_of_nothing(instance):
            msg = f"the answer: has none of the fields {', '.join(self.json_schema['properties'])}"
            raise ValueError(msg)
        try:
            written = self._dump(instance)
            plain = read_json(written.decode() if isinstance(written, bytes) else written)
            is_same = isinstance(plain, dict) and bool(self._load(write_json(plain)) == instance)
        except Exception:  # noqa: BLE001 - a serializer is the user's code too, and what it writes may not be read
            return value
        return plain if is_same else value

    def _known_in(self, value: Mapping[str, Any]) -> int:
        return sum(name in value for name in self.json_schema["properties"])

    def _is_as_of_nothing(self, instance: object) -> bool:
        """Say whether a class has taken nothing of what it read, or a dict may hold nothing but properties."""
        if isinstance(instance, Mapping):
            return not (self.json_schema.get("patternProperties") or self.json_schema.get("additionalProperties"))
        try:
            return bool(instance == self._load("{}"))
        except Exception:  # noqa: BLE001 - what raises here was given something there
            return False


def read_schema(what: str, schema: object) -> SchemaLike | None:
    """Return what `AnswerSchema.of` takes: a class, or a copy of a dict as a JSON schema; `None` for `None`.

    Args:
        what: Name of the field in errors.
        schema: As it was given, or as `write_schema` has written it.

    Raises:
        ConfigurationError: It describes no object.
    """
    if schema is None:
        return None
    try:
        read = AnswerSchema.of(_parsed(schema) if isinstance(schema, str) else schema)
    except ConfigurationError as error:
        msg = f"{what}: {error}"
        raise ConfigurationError(msg) from error
    return schema if isinstance(schema, type) else read.json_schema


def write_schema(schema: AnswerSchema) -> str:
    """Return a schema as a text of JSON, properties in their order: a table of TOML could hold no null."""
    return json.dumps(schema.json_schema, ensure_ascii=False)


def _parsed(text: str) -> object:
    try:
        return read_json(text)
    except ValueError as error:
        msg = f"an answer schema given as text must be a JSON schema; got {shown(text)}, which is no JSON: {error}"
        raise ConfigurationError(msg) from error


def _plain(json_schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON schema as it comes back from JSON, the order of its properties kept."""
    try:
        plain: dict[str, Any] = read_json(json.dumps(json_schema, ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"answer schema {json_schema['title']!r} holds what no JSON can: {_reason(error)}. Give plain data"
        raise ConfigurationError(msg) from error
    return plain


def _described(schema: object) -> dict[str, Any]:
    """Return the JSON schema of a schema of any kind."""
    if not isinstance(schema, Mapping | type) or (isinstance(schema, type) and not _is_described_by_class(schema)):
        msg = (
            "an answer schema must be a Pydantic class, a TypedDict, a dataclass or a JSON schema with a title; "
            f"got {_name_of(schema)}"
        )
        raise ConfigurationError(msg)
    try:
        if isinstance(schema, type):
            return _described_class(schema)
        return convert_to_json_schema(_without_outer_reference(_unwrapped(schema)))
    except Exception as error:
        told = f": {_reason(error)}" if isinstance(schema, type) else ""
        msg = f"answer schema {_name_of(schema)} cannot be read{told}. Give a JSON schema with 'title' and 'properties'"
        raise ConfigurationError(msg) from error


def _described_class(schema: type) -> dict[str, Any]:
    """Return the JSON schema of a class; one that holds itself keeps its `$defs`, where LangChain would cut it off."""
    if is_typeddict(schema):
        return _described_typed_dict(schema)
    own = TypeAdapter(schema).json_schema() if is_dataclass(schema) or issubclass(schema, BaseModel) else {}
    is_kept = is_dataclass(schema) or _is_recursive(own)
    return _without_outer_reference({"title": schema.__name__, **own}) if is_kept else convert_to_json_schema(schema)


def _described_typed_dict(schema: type) -> dict[str, Any]:
    """Return the JSON schema of a `TypedDict`, with what LangChain reads of `Annotated[type, default, description]`."""
    try:
        described = _without_outer_reference({"title": schema.__name__, **TypeAdapter(schema).json_schema()})
    except PydanticUserError as refused:  # it is of `typing`, and Python is older than 3.12
        described = _described_older(schema, refused)
    noted = {name: _notes_of(hint) for name, hint in get_type_hints(schema, include_extras=True).items()}
    properties = {name: {**held, **noted.get(name, {})} for name, held in described["properties"].items()}
    needed = [name for name in described.get("required", ()) if "default" not in properties[name]]
    told = {"description": schema.__doc__} if schema.__doc__ else {}
    described = {name: held for name, held in described.items() if name != "required"}
    return {**described, **told, "properties": properties, **({"required": needed} if needed else {})}


def _described_older(schema: type, refused: PydanticUserError) -> dict[str, Any]:
    try:
        described = convert_to_json_schema(schema)
    except Exception:  # noqa: BLE001 - Pydantic says better than LangChain what to do
        raise refused from None
    required: frozenset[str] = schema.__required_keys__  # type: ignore[attr-defined]
    needed = [name for name in described["properties"] if name in required]
    return {"title": described["title"], "properties": described["properties"], "required": needed}


def _notes_of(hint: Any) -> dict[str, Any]:  # noqa: ANN401 - a type, or what stands for one
    """Return the description of an annotated field, and its default if it has one."""
    while get_origin(hint) in (Required, NotRequired, ReadOnly):
        (hint,) = get_args(hint)
    notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    if len(notes) < len(("default", "description")) or not isinstance(notes[1], str):
        return {}
    default, description = notes[:2]
    return {"description": description, **({} if default is ... else {"default": default})}


def _is_recursive(described: Mapping[str, Any]) -> bool:
    """Say whether one of the definitions of a JSON schema leads to itself."""
    reached = {f"#/$defs/{name}": set(_references(held)) for name, held in described.get("$defs", {}).items()}
    for _ in reached:
        reached = {name: held.union(*(reached.get(one, ()) for one in held)) for name, held in reached.items()}
    return any(name in held for name, held in reached.items())


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for held in schema.values():
            yield from _references(held)
    elif isinstance(schema, list):
        for held in schema:
            yield from _references(held)


def _without_outer_reference(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON schema with what its own `$ref` points to in place of that, as a class has it that holds itself."""
    outer = {name: held for name, held in described.items() if name != "$ref"}
    target: object = described if isinstance(described.get("$ref"), str) else {}
    for step in str(described.get("$ref", "")).split("/")[1:]:
        target = target.get(step) if isinstance(target, Mapping) else None
    return {**(target if isinstance(target, Mapping) else {}), **outer}


def _name_of(schema: object) -> str:
    return f"the class {schema.__name__}" if isinstance(schema, type) else shown(schema)


def _is_described_by_class(schema: type) -> bool:
    return is_basemodel_subclass(schema) or is_typeddict(schema) or is_dataclass(schema)


def _unwrapped(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tool in an OpenAI tool, and a JSON schema in an OpenAI response format."""
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
        return well_formed(json.dumps(arguments, ensure_ascii=False))
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
