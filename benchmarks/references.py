"""How faithfully a prompt shows what it was to show."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fidelity:
    """Proposals found in the prompts that were to show them."""

    expected: int = 0
    exact: int = 0
    """Those that stand in the prompt at least once, byte for byte."""
    once: int = 0
    """Those that stand there exactly once."""
    ordered: int = 0
    """The most of the latter that stand in the order of the slots."""

    def __add__(self, other: Fidelity) -> Fidelity:
        """Count both together."""
        return Fidelity(
            self.expected + other.expected,
            self.exact + other.exact,
            self.once + other.once,
            self.ordered + other.ordered,
        )


def prompt_of(body: Mapping[str, Any]) -> str:
    """Return all texts of a request's messages, in order, a line apart."""
    return "\n".join(text for message in body.get("messages", ()) for text in _texts(message.get("content")))


def fidelity(prompt: str, slots: Sequence[str], proposals: Mapping[str, Sequence[str]]) -> Fidelity:
    """Look for proposals in a prompt.

    Args:
        prompt: What was sent.
        slots: Model of each slot, in configured order.
        proposals: What each model has answered. Which of a model's answers came from which of its slots is not known,
            so among themselves these may stand in any order.
    """
    texts = [text for answers in proposals.values() for text in answers]
    places = {model: sorted(_only_places(prompt, answers)) for model, answers in proposals.items()}
    turns = {model: iter(found) for model, found in places.items()}
    in_slot_order = [place for slot in slots if (place := next(turns.get(slot, iter(())), None)) is not None]
    return Fidelity(
        expected=len(texts),
        exact=sum(text in prompt for text in texts),
        once=sum(map(len, places.values())),
        ordered=_longest_rising(in_slot_order),
    )


def _only_places(prompt: str, texts: Sequence[str]) -> list[int]:
    """Return where texts stand that stand in the prompt exactly once."""
    return [prompt.find(text) for text in texts if prompt.count(text) == 1]


def _longest_rising(places: Sequence[int]) -> int:
    """Return the length of the longest subsequence that rises."""
    ends: list[int] = []
    for place in places:
        position = bisect_left(ends, place)
        ends[position : position + 1] = [place]
    return len(ends)


def _texts(content: object) -> list[str]:
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list) else []
    return [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
