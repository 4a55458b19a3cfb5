"""What a tape holds of a request: a key that is the same in every run, and what came of it as plain data. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, NotRequired

from langchain_core.messages import AIMessage, BaseMessage, message_to_dict, messages_from_dict
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, SecretStr
from pydantic_core import to_jsonable_python
from typing_extensions import TypedDict

from langgraph_moa.proposal import CallRecord, Failure
from langgraph_moa.redaction import MASK, is_secret_name, redact_data
from langgraph_moa.surrogates import well_formed_messages

FORMAT = 1
"""Version of what stands on a tape; one of another version is refused."""
_SHORTEST_SECRET = 6
_TOKENS = {"input_tokens", "output_tokens", "total_tokens"}
"""Without which LangChain reads no tokens of a message."""
_MADE_UP = "lc_"
"""How the ids begin that LangChain invents for content blocks, another one in every run."""


class Address(NamedTuple):
    """What a request is found by."""

    key: str
    """SHA-256 of all that the model is asked, in hexadecimal."""
    seat: str
    """Where in a run it is made: nodes of the graph, from the outermost to the innermost; empty outside of a graph."""


class Clock(TypedDict):
    """How long a seat had been asking when a request ended."""

    started_at: float
    """Unix time, in seconds, at which the seat began."""
    elapsed: float
    """Seconds since then."""
    waited: float
    """Of these, seconds in which no request was under way."""


Outcome = Literal["answer", "failure", "interrupted", "nested"]
"""`interrupted`: the deadline or the quorum ended it. `nested`: a mixture, whose own requests are kept."""


class Take(TypedDict):
    """One request as it is kept."""

    model: str
    """What the recipe calls it."""
    outcome: Outcome
    clock: Clock
    message: NotRequired[dict[str, Any]]
    call: NotRequired[dict[str, Any]]
    """Fields of the `CallRecord` that its callbacks have told; missing where no request was under way."""
    first_token: NotRequired[float | None]
    """Seconds from the beginning of the seat to the first token; `None`: the answer was not streamed."""
    failure: NotRequired[Failure]
    """Why there is no answer; of an interruption the kind alone."""
    again: NotRequired[bool]
    """Whether the same model was asked again after the failure."""
    allowed: NotRequired[float]
    """Seconds that the seat had."""


def request_key(
    identity: Mapping[str, Any],
    messages: Sequence[BaseMessage],
    arguments: Mapping[str, Any],
    schema: Mapping[str, Any] | None,
) -> str:
    """Return what is equal for equal requests, in whichever process and run they are made.

    Ids that differ from run to run do not count, nor does anything that holds a key or a header.

    Args:
        identity: Of the model and its sampling parameters, as `ReadyModel.identity` gives it.
        messages: The request, with the mark of its draw.
        arguments: For the call, such as `tools`; `None` stands for none.
        schema: JSON schema of the answer; `None`: prose.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    if "tools" in given:
        given["tools"] = [_tool(tool) for tool in given["tools"]]
    asked = {"model": identity, "messages": written_messages(messages), "arguments": given, "schema": schema}
    return hashlib.sha256(canonical(asked).encode()).hexdigest()


def canonical(value: object) -> str:
    """Return plain data as JSON that is equal for equal data; what holds a secret is left out."""
    return json.dumps(plain(value), sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def plain(value: object) -> Any:  # noqa: ANN401 - JSON data
    """Return a value as JSON data without secrets; an object stands for its class, since its address says nothing."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items() if _counts(str(name), item)}
    if isinstance(value, list | tuple | set | frozenset):
        items = [plain(item) for item in value]
        return items if isinstance(value, list | tuple) else sorted(items, key=canonical)
    if isinstance(value, BaseModel):
        return plain(value.model_dump())
    if isinstance(value, type) and issubclass(value, BaseModel):
        return value.model_json_schema()
    kind = value if callable(value) and hasattr(value, "__qualname__") else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def written_messages(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Return a request as plain data: what a model is shown of it, and which draw it is.

    Calls of tools are numbered in the order in which they appear, in place of their ids.
    """
    sent = well_formed_messages(messages)
    calls = [call for message in sent if isinstance(message, AIMessage) for call in message.tool_calls]
    numbers = {call["id"]: f"call {number}" for number, call in enumerate(calls, start=1) if call["id"]}
    return [_renamed(_written(message), numbers) for message in sent]


def taken_answer(message: AIMessage, secrets: Iterable[str]) -> dict[str, Any]:
    """Return a message for a tape, with the known secrets masked, and all headers."""
    written = to_jsonable_python(message_to_dict(message), fallback=repr, serialize_unknown=True)
    if not (written["data"].get("usage_metadata") or {}).keys() >= _TOKENS:
        written["data"]["usage_metadata"] = None  # of an answer from LangChain's cache: a cost, and no tokens
    metadata = written["data"]["response_metadata"]
    if "headers" in metadata:
        metadata["headers"] = redact_data(metadata["headers"], name="headers")
    known = sorted((secret for secret in secrets if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True)
    masked: dict[str, Any] = _masked(written, known)
    return masked


def played_answer(written: dict[str, Any]) -> AIMessage:
    """Return the message that `taken_answer` has written.

    Raises:
        TypeError: It is another kind of message.
    """
    [message] = messages_from_dict([written])
    if not isinstance(message, AIMessage):
        msg = f"a tape must hold answers of models, and this one holds a {type(message).__name__}"
        raise TypeError(msg)
    return message


def told_by_callbacks(record: CallRecord) -> dict[str, Any]:
    """Return the fields of a call's record that a replay cannot reckon from the message alone."""
    known = ("usage", "unreported", "cached", "billed")
    return {name: value for name, value in record.items() if name in known}


def _counts(name: str, value: object) -> bool:
    return not is_secret_name(name) and not isinstance(value, SecretStr | bytes)


def _written(message: BaseMessage) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": message.type, "content": message.content, "name": message.name}
    for name in ("additional_kwargs", "tool_calls", "invalid_tool_calls", "tool_call_id", "status", "role"):
        fields[name] = getattr(message, name, None)
    fields["draw"] = message.response_metadata.get("moa_draw")
    written: dict[str, Any] = to_jsonable_python(fields, fallback=plain, serialize_unknown=True)
    return {name: value for name, value in written.items() if value}


def _renamed(value: Any, numbers: Mapping[str, str]) -> Any:  # noqa: ANN401 - plain data
    """Return plain data with the ids of calls replaced, and those left out that LangChain makes up."""
    if isinstance(value, str):
        return numbers.get(value, value)
    if isinstance(value, list):
        return [_renamed(item, numbers) for item in value]
    if isinstance(value, dict):
        return {
            name: _renamed(item, numbers)
            for name, item in value.items()
            if not (name == "id" and isinstance(item, str) and item.startswith(_MADE_UP))
        }
    return value


def _tool(tool: Any) -> Any:  # noqa: ANN401 - whatever LangChain takes for a tool
    return tool if isinstance(tool, Mapping) else convert_to_openai_tool(tool)


def _masked(value: Any, secrets: Sequence[str]) -> Any:  # noqa: ANN401 - plain data
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, list):
        return [_masked(item, secrets) for item in value]
    if isinstance(value, dict):
        return {_masked(name, secrets): _masked(item, secrets) for name, item in value.items()}
    return value
