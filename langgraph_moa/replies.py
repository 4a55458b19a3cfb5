"""What a model, chain or graph gave back, as one answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, convert_to_messages
from pydantic import ValidationError

from langgraph_moa.proposal import Usage, sum_usage, usage_of
from langgraph_moa.surrogates import well_formed_message

_MISPLACED = ("usage_metadata", "response_metadata", "invalid_tool_calls")
"""Fields of a message as JSON that LangChain may leave among `additional_kwargs` when it reads one."""


class Reply(NamedTuple):
    """An answer and what it took."""

    message: AIMessage
    usage: Usage | None
    """Of all calls that were made for it, as far as they are known."""
    unreported: int = 0
    """New messages of a state that do not tell their tokens, although others do."""


def read_reply(output: object, request: Sequence[BaseMessage]) -> Reply:
    """Read an output: a message, text, or a state with messages, also as JSON from a remote graph.

    Of a state, the answer is the last message. What only repeats a message of the request is an empty answer.

    Raises:
        TypeError: It is something else.
        ValueError: An entry of `messages` is no message.
        NotImplementedError: An entry of `messages` is of a type that LangChain does not take for a message.
    """
    if isinstance(output, Mapping) and isinstance(output.get("messages"), list):
        return _read_state([_read_message(message) for message in output["messages"]], request)
    if isinstance(output, AIMessage):
        return Reply(well_formed_message(output), usage_of(output))
    if isinstance(output, BaseMessage):
        return _read_state([output], request)
    if isinstance(output, str):
        return Reply(well_formed_message(AIMessage(output)), None)
    msg = f"a model must answer with a message, text or a state with messages, got {type(output).__name__}"
    raise TypeError(msg)


def _read_message(given: Any) -> BaseMessage:  # noqa: ANN401 - whatever form LangChain takes
    """Return a message; one that came as JSON has every field in its place, save those whose values do not fit."""
    [message] = convert_to_messages([given])
    if message is given or not isinstance(message, AIMessage):
        return message
    found = {name: message.additional_kwargs.pop(name) for name in _MISPLACED if name in message.additional_kwargs}
    for name, value in found.items():
        with suppress(ValidationError):
            message = AIMessage.model_validate({**dict(message), name: value})
    return message


def _read_state(messages: Sequence[BaseMessage], request: Sequence[BaseMessage]) -> Reply:
    is_echo = _echoes(request)
    new = [message for message in messages if not is_echo(message)]
    told = [usage_of(message) for message in new if isinstance(message, AIMessage)]
    usage = sum_usage(told)
    unreported = 0 if usage is None else told.count(None)
    if not new or new[-1] is not messages[-1]:
        return Reply(AIMessage(""), usage, unreported)
    last = new[-1]
    message = well_formed_message(last if isinstance(last, AIMessage) else AIMessage(last.content))
    return Reply(message, usage, unreported)


def _echoes(request: Sequence[BaseMessage]) -> Callable[[BaseMessage], bool]:
    """Return what tells whether a message stood in the request: by its id, or word for word by the same speaker.

    The time that it takes grows with the length of the conversation alone.
    """
    ids = {asked.id for asked in request if asked.id is not None}
    said = {(type(asked), _key(asked.content)) for asked in request if not isinstance(asked, AIMessage)}

    def is_echo(message: BaseMessage) -> bool:
        if message.id in ids:
            return True
        return not isinstance(message, AIMessage) and (type(message), _key(message.content)) in said

    return is_echo


def _key(value: object) -> Hashable:
    """Return what is equal for equal content: a text itself, and for blocks what they hold, in whatever order."""
    if isinstance(value, dict):
        return frozenset((name, _key(held)) for name, held in value.items())
    if isinstance(value, list):
        return tuple(_key(item) for item in value)
    return value if isinstance(value, str | int | float | None) else repr(value)
