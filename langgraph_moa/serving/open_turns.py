"""What answers that call tools said of their proposers, for the requests that bring the tools' results.

A client sends an answer back without what the mixture said of itself in it. Remembered here, one turn of the user asks
the proposers once, however many tools are called in it.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage

_MOST = 500
"""Turns that are remembered; those of longest ago are forgotten, and their proposers asked again."""
_MOST_CHARACTERS = 50_000_000
"""Of all turns that are remembered together."""


class _Turn(NamedTuple):
    told: dict[str, Any]
    characters: int


class OpenTurns:
    """Of one server process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Turn] = OrderedDict()
        self._characters = 0
        self._lock = threading.Lock()

    def remember(self, model: str, conversation: Sequence[BaseMessage], answers: Iterable[AIMessage]) -> None:
        """Keep what those answers to a conversation that call tools say of their runs."""
        with self._lock:
            for answer in answers:
                if answer.tool_calls and "moa" in answer.response_metadata:
                    self._keep(_place_of(model, conversation, answer), answer.response_metadata)
            while len(self._kept) > _MOST or self._characters > _MOST_CHARACTERS:
                self._characters -= self._kept.popitem(last=False)[1].characters

    def recall(self, model: str, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Return a conversation in which the answers that are remembered say again what they said."""
        with self._lock:
            return [self._recalled(model, messages[:position], one) for position, one in enumerate(messages)]

    def _keep(self, place: str, told: dict[str, Any]) -> None:
        before = self._kept.pop(place, None)
        self._kept[place] = turn = _Turn(told, len(repr(told)))
        self._characters += turn.characters - (before.characters if before else 0)

    def _recalled(self, model: str, before: Sequence[BaseMessage], message: BaseMessage) -> BaseMessage:
        if not isinstance(message, AIMessage) or not message.tool_calls:
            return message
        known = self._kept.get(_place_of(model, before, message))
        return message if known is None else message.model_copy(update={"response_metadata": known.told})


def _place_of(model: str, before: Sequence[BaseMessage], answer: AIMessage) -> str:
    """Return what tells an answer from all others: its calls, and the conversation that it stands in.

    Providers number calls anew in every answer, so that their ids alone would lead to another conversation.
    """
    calls = [(call["id"], call["name"], call["args"]) for call in answer.tool_calls]
    conversation = [(one.type, one.content, getattr(one, "tool_calls", ())) for one in before]
    return hashlib.sha256(repr((model, conversation, calls)).encode("utf-8", "surrogatepass")).hexdigest()
