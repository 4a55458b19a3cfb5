"""How much of a request a provider has seen before: what its prompt cache can spare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.references import prompt_of

BYTES_PER_TOKEN = 4
"""A rule of thumb for English, the same for every contender."""


@dataclass(frozen=True)
class Turn:
    """What the requests of one turn sent."""

    bytes_sent: int
    bytes_seen: int
    """Those that begin a request as an earlier request to the same model began."""
    history: float | None
    """The least share of a request's conversation that an earlier request to the same model began with; the
    conversation is all that stands before the turn's new message. `None`: no request had an earlier one or a
    conversation."""
    knows_history: bool
    """Whether every request holds what the user said before."""


def turns_of(requests: Sequence[Sequence[Mapping[str, Any]]], said: Sequence[str]) -> list[Turn]:
    """Compare every request with those before it to the same model, as a prompt cache does.

    Args:
        requests: Bodies, turn by turn, in the order of their arrival.
        said: What the user said in each turn; a text that stands nowhere else.
    """
    seen: dict[str, list[bytes]] = {}
    turns = []
    for number, bodies in enumerate(requests):
        compared = [_compared(body, said[number], seen) for body in bodies]
        histories = [share for _, _, share in compared if share is not None]
        turns.append(
            Turn(
                bytes_sent=sum(sent for sent, _, _ in compared),
                bytes_seen=sum(known for _, known, _ in compared),
                history=min(histories, default=None),
                knows_history=all(text in prompt_of(body) for body in bodies for text in said[:number]),
            )
        )
    return turns


def _compared(body: Mapping[str, Any], said: str, seen: dict[str, list[bytes]]) -> tuple[int, int, float | None]:
    """Return the bytes sent, the bytes seen before, and the share of the conversation that was seen before."""
    sent = written(body)
    earlier = seen.setdefault(str(body.get("model")), [])
    known = max((common_prefix(sent, other) for other in earlier), default=0)
    history = sent.rfind(said.encode())
    share = min(1.0, known / history) if earlier and history > 0 else None
    earlier.append(sent)
    return len(sent), known, share


def written(body: Mapping[str, Any]) -> bytes:
    """Return a request's messages as one text, each after its role, as a chat template writes them."""
    messages = body.get("messages", ())
    return "\n".join(f"{message.get('role')}: {prompt_of({'messages': [message]})}" for message in messages).encode()


def common_prefix(one: bytes, other: bytes) -> int:
    """Return how many bytes both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
