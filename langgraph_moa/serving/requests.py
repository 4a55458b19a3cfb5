"""A chat completion as OpenAI's clients ask for it, read into what a mixture is asked. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage, convert_to_messages

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.schemas import AnswerSchema
from langgraph_moa.serving.failures import invalid

MOST_CHOICES = 8
_FORMATS = ("text", "json_object", "json_schema")
_HANDED_ON = (
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "top_p",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "reasoning_effort",
)
"""Fields that the aggregator's provider is given as they came."""
_NUMBERS = {"temperature": (0, 2), "top_p": (0, 1), "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2)}
"""With the least and the most that is taken."""
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a mixture is asked."""

    model: str
    messages: list[BaseMessage]
    temperature: float | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    schema: dict[str, Any] | None = None
    """Of the answer, a JSON schema with its name as the title; `None`: prose."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """For the aggregator's provider."""
    choices: int = 1
    """How many times the mixture answers."""
    streams: bool = False
    includes_usage: bool = False
    """Whether a stream tells the tokens at its end."""


def read_json(body: bytes) -> dict[str, Any]:
    """Return the object that a body holds.

    Raises:
        RequestFailure: It is no JSON, or no object.
    """
    try:
        found = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        why = error.msg if isinstance(error, json.JSONDecodeError) else str(error)[:100]
        raise invalid(f"the body must be JSON in UTF-8: {why}") from error
    if not isinstance(found, dict):
        raise invalid(f"the body must be a JSON object, got {_kind(found)}")
    return found


def read_request(body: Mapping[str, Any]) -> ChatRequest:
    """Return what a body asks for. Fields that are not known are passed over, as other servers do.

    Raises:
        RequestFailure: A field that is known is missing or wrong; it names the field.
    """
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise invalid(f"'model' must name a served mixture, got {_kind(model)}. GET /v1/models lists them", "model")
    for name, (low, high) in _NUMBERS.items():
        _number(body, name, low, high)
    schema, response_format = _response_format(body.get("response_format"))
    arguments = {name: body[name] for name in _HANDED_ON if body.get(name) is not None}
    if response_format is not None:
        arguments["response_format"] = response_format
    _tools(arguments.get("tools"))
    if schema is not None and arguments.get("tools"):
        raise invalid("'tools' and a 'response_format' of type 'json_schema' exclude each other here: leave one out")
    options = body.get("stream_options")
    return ChatRequest(
        model=model,
        messages=_messages(body.get("messages")),
        temperature=body.get("temperature"),
        max_tokens=_whole(body, "max_completion_tokens", 1) or _whole(body, "max_tokens", 1),
        stop=_stop(body.get("stop")),
        schema=schema,
        arguments=arguments,
        choices=_whole(body, "n", 1, MOST_CHOICES) or 1,
        streams=_flag(body, "stream"),
        includes_usage=isinstance(options, Mapping) and _flag(options, "include_usage"),
    )


def _refuse_constant(name: str) -> None:
    msg = f"{name} is no number of JSON"
    raise ValueError(msg)


def _messages(given: object) -> list[BaseMessage]:
    if not isinstance(given, list) or not given:
        raise invalid(f"'messages' must be a list with at least one message, got {_kind(given)}", "messages")
    for position, message in enumerate(given):
        if not isinstance(message, Mapping) or message.get("role") not in _ROLES:
            roles = ", ".join(_ROLES)
            where = f"messages[{position}]"
            raise invalid(f"'{where}' must be an object with a 'role', one of {roles}", where)
        if not isinstance(message.get("content"), str | list | None):
            raise invalid(
                f"'messages[{position}].content' must be a text or a list of parts", f"messages[{position}].content"
            )
    try:
        return convert_to_messages([{**message, "content": message.get("content") or ""} for message in given])
    except Exception as error:  # whatever LangChain and Pydantic raise of what a client sends
        raise invalid(f"'messages' cannot be read: {str(error).splitlines()[0][:300]}", "messages") from error


def _response_format(given: object) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return the schema that is asked for, and what the provider is given as it came; `None` for neither."""
    if given is None:
        return None, None
    kind = given.get("type") if isinstance(given, Mapping) else None
    if kind not in _FORMATS:
        raise invalid(f"'response_format.type' must be one of {', '.join(_FORMATS)}", "response_format")
    if kind != "json_schema":
        return None, {"type": "json_object"} if kind == "json_object" else None
    about = given.get("json_schema") if isinstance(given, Mapping) else None
    schema = about.get("schema") if isinstance(about, Mapping) else None
    name = about.get("name") if isinstance(about, Mapping) else None
    if not isinstance(schema, Mapping) or not isinstance(name, str):
        raise invalid("'response_format.json_schema' must have a 'name' and a 'schema'", "response_format")
    titled = {**schema, "title": name}
    try:
        AnswerSchema.of(titled)
    except ConfigurationError as error:
        raise invalid(f"'response_format.json_schema': {error}", "response_format") from error
    return titled, None


def _tools(given: object) -> None:
    if given is None:
        return
    named = isinstance(given, list) and all(
        isinstance(tool, Mapping)
        and isinstance(tool.get("function"), Mapping)
        and isinstance(tool["function"].get("name"), str)
        for tool in given
    )
    if not named:
        raise invalid("'tools' must be a list of objects {'type': 'function', 'function': {'name': ...}}", "tools")


def _stop(given: object) -> list[str] | None:
    if given is None or given == []:
        return None
    found = [given] if isinstance(given, str) else given
    if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
        raise invalid("'stop' must be a text or a list of texts, none of them empty", "stop")
    return found


def _whole(body: Mapping[str, Any], name: str, low: int, high: int | None = None) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        span = f"from {low} on" if high is None else f"from {low} to {high}"
        raise invalid(f"'{name}' must be a whole number {span}, got {json.dumps(value)[:100]}", name)
    return value


def _number(body: Mapping[str, Any], name: str, low: float, high: float) -> None:
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise invalid(f"'{name}' must be a number from {low} to {high}, got {json.dumps(value)[:100]}", name)


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"'{name}' must be true or false, got {json.dumps(value)[:100]}", name)
    return bool(value)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")
