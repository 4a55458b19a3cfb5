"""How faithfully a prompt shows what it was to show."""

from __future__ import annotations

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
    found = sorted(
        (prompt.find(text), model)
        for model, answers in proposals.items()
        for text in answers
        if prompt.count(text) == 1
    )
    return Fidelity(
        expected=len(texts),
        exact=sum(text in prompt for text in texts),
        once=len(found),
        ordered=_longest_in_common([model for _, model in found], slots),
    )


def _longest_in_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest subsequence of both."""
    lengths = [0] * (len(other) + 1)
    for item in one:
        diagonal = 0
        for column, against in enumerate(other, start=1):
            above = lengths[column]
            lengths[column] = diagonal + 1 if item == against else max(above, lengths[column - 1])
            diagonal = above
    return lengths[-1]


def _texts(content: object) -> list[str]:
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list) else []
    return [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
