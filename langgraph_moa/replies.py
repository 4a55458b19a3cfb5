"""What a model, chain or graph gave back, as one answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, convert_to_messages

from langgraph_moa.proposal import Usage, sum_usage, usage_of


class Reply(NamedTuple):
    """An answer and what it took."""

    message: AIMessage
    usage: Usage | None
    """Of all calls that were made for it, as far as they are known."""


def read_reply(output: object, request: Sequence[BaseMessage]) -> Reply:
    """Read an output: a message, text, or a state with messages, also as JSON from a remote graph.

    Of a state, the answer is the last message; one that is no model's, or stood in the request, is an empty answer.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(output, Mapping) and isinstance(output.get("messages"), list):
        return _read_state(convert_to_messages(output["messages"]), request)
    if isinstance(output, AIMessage):
        return Reply(output, usage_of(output))
    if isinstance(output, ChatMessage):
        return Reply(AIMessage(output.content), None)
    if isinstance(output, str):
        return Reply(AIMessage(output), None)
    msg = f"a model must answer with a message of its own, text or a state with messages, got {type(output).__name__}"
    raise TypeError(msg)


def _read_state(messages: Sequence[BaseMessage], request: Sequence[BaseMessage]) -> Reply:
    asked = {message.id for message in request if message.id is not None}
    new = [message for message in messages if isinstance(message, AIMessage) and message.id not in asked]
    last = messages[-1] if messages else None
    if not isinstance(last, AIMessage) or last not in new or last in request:
        return Reply(AIMessage(""), sum_usage([usage_of(message) for message in new]))
    return Reply(last, sum_usage([usage_of(message) for message in new]))
