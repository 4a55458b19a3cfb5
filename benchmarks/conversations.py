"""Conversations to ask about."""

from __future__ import annotations

from benchmarks.protocol import Conversation

_RULES = 280


def said(turn: int) -> str:
    """Return what the user says in a turn, counted from 1: a text that stands nowhere else."""
    return f"This is my question number {turn}: what follows from all that we have settled so far?"


def conversation(turns: int) -> Conversation:
    """Return a conversation with a long system prompt, up to what the user says in this turn."""
    rules = " ".join(f"Rule {number}: keep to what chapter {number} of the handbook asks." for number in range(_RULES))
    messages = [{"role": "system", "content": f"You answer for a library. {rules}"}]
    for turn in range(1, turns):
        answer = " ".join(f"Point {point} of answer {turn} stands as it was agreed." for point in range(1, 14))
        messages += [{"role": "user", "content": said(turn)}, {"role": "assistant", "content": answer}]
    return [*messages, {"role": "user", "content": said(turns)}]
