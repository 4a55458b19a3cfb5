"""Text that every encoder takes: a provider's JSON may hold half a character, and the next request could not be sent.

JSON writes a character outside the basic plane as a pair of surrogates. Cut between the two, as a limit of tokens or a
careless program does it, what is left is no character: UTF-8 refuses it, and with it the whole conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from langchain_core.messages import AIMessage, BaseMessage

AnyMessageType = TypeVar("AnyMessageType", bound=BaseMessage)


def well_formed(text: str) -> str:
    """Return a text with pairs of surrogates joined, and U+FFFD in place of each one that has no partner.

    Text without surrogates comes back as it is, at the cost of one encoding.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def well_formed_message(message: AnyMessageType) -> AnyMessageType:
    """Return a message that can be sent, its tool calls and metadata included: the same object where it can already."""
    held: dict[str, Any] = {"content": message.content, "response_metadata": message.response_metadata}
    if isinstance(message, AIMessage):
        held["tool_calls"] = message.tool_calls
    changes = {name: mended for name, value in held.items() if (mended := _well_formed_data(value)) != value}
    return message.model_copy(update=changes) if changes else message


def well_formed_messages(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return a conversation that can be sent; a message without lone surrogates is the same object as before."""
    return [well_formed_message(message) for message in messages]


def _well_formed_data(value: Any) -> Any:  # noqa: ANN401 - of the shape of the value
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, list):
        return [_well_formed_data(item) for item in value]
    if isinstance(value, dict):
        return {_well_formed_data(key): _well_formed_data(item) for key, item in value.items()}
    return value
