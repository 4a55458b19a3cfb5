"""What a model, chain or graph gave back, as one answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, convert_to_messages

from langgraph_moa.proposal import Usage, sum_usage, usage_of
from langgraph_moa.surrogates import well_formed_message


class Reply(NamedTuple):
    """An answer and what it took."""

    message: AIMessage
    usage: Usage | None
    """Of all calls that were made for it, as far as they are known."""


def read_reply(output: object, request: Sequence[BaseMessage]) -> Reply:
    """Read an output: a message, text, or a state with messages, also as JSON from a remote graph.

    Of a state, the answer is the last message. What only repeats a message of the request is an empty answer.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(output, Mapping) and isinstance(output.get("messages"), list):
        return _read_state(convert_to_messages(output["messages"]), request)
    if isinstance(output, AIMessage):
        return Reply(well_formed_message(output), usage_of(output))
    if isinstance(output, BaseMessage):
        return _read_state([output], request)
    if isinstance(output, str):
        return Reply(well_formed_message(AIMessage(output)), None)
    msg = f"a model must answer with a message, text or a state with messages, got {type(output).__name__}"
    raise TypeError(msg)


def _read_state(messages: Sequence[BaseMessage], request: Sequence[BaseMessage]) -> Reply:
    new = [message for message in messages if not _is_echo(message, request)]
    usage = sum_usage([usage_of(message) for message in new if isinstance(message, AIMessage)])
    last = messages[-1] if messages else None
    if last is None or last not in new:
        return Reply(AIMessage(""), usage)
    return Reply(well_formed_message(last if isinstance(last, AIMessage) else AIMessage(last.content)), usage)


def _is_echo(message: BaseMessage, request: Sequence[BaseMessage]) -> bool:
    """Say whether a message stood in the request: by its id, or word for word by the same speaker."""
    return any(
        (message.id is not None and message.id == asked.id)
        or (type(message) is type(asked) and message.content == asked.content and not isinstance(message, AIMessage))
        for asked in request
    )
