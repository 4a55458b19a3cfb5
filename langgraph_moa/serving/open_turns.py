"""What answers that call tools said of their proposers, for the requests that bring the tools' results.

A client sends an answer back without what the mixture said of itself in it. Remembered here, one turn of the user asks
the proposers once, however many tools are called in it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

_MOST = 2_000
"""Turns that are remembered; those of longest ago are forgotten, and their proposers asked again."""


class OpenTurns:
    """Of one server process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, model: str, answers: Iterable[AIMessage]) -> None:
        """Keep what those answers that call tools say of their runs."""
        with self._lock:
            for answer in answers:
                if answer.tool_calls and "moa" in answer.response_metadata:
                    self._kept[_calls_of(model, answer)] = answer.response_metadata
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)

    def recall(self, model: str, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Return a conversation in which the answers that are remembered say again what they said."""
        with self._lock:
            return [self._recalled(model, message) for message in messages]

    def _recalled(self, model: str, message: BaseMessage) -> BaseMessage:
        if not isinstance(message, AIMessage) or not message.tool_calls:
            return message
        known = self._kept.get(_calls_of(model, message))
        return message if known is None else message.model_copy(update={"response_metadata": known})


def _calls_of(model: str, answer: AIMessage) -> str:
    """Return what tells an answer from all others: whoever sends it back has seen it."""
    return repr((model, [(call["id"], call["name"], sorted(call["args"].items())) for call in answer.tool_calls]))
