"""How much of a request a provider has seen before: what its prompt cache can spare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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


def turns_of(bodies: Sequence[Mapping[str, Any]], said: Sequence[str]) -> list[Turn]:
    """Compare every request with those before it to the same model, as a prompt cache does.

    Args:
        bodies: Requests in the order of their arrival, turn after turn.
        said: What the user said in each turn; a text that stands nowhere else. A request belongs to the turn of the
            latest that it holds, or of the request before it if it holds none.
    """
    seen: dict[str, list[bytes]] = {}
    by_turn: list[list[_Compared]] = [[] for _ in said]
    turn = 0
    for body in bodies:
        sent = written(body)
        turn = next((number for number in reversed(range(len(said))) if said[number].encode() in sent), turn)
        knows_history = all(text.encode() in sent for text in said[:turn])
        by_turn[turn].append(_compared(sent, said[turn], seen.setdefault(str(body.get("model")), []), knows_history))
    return [_summed(compared) for compared in by_turn]


class _Compared(NamedTuple):
    sent: int
    seen: int
    history: float | None
    knows_history: bool


def _compared(sent: bytes, said: str, earlier: list[bytes], knows_history: bool) -> _Compared:  # noqa: FBT001
    """Compare a request with earlier ones to its model, and add it to these."""
    seen = max((common_prefix(sent, other) for other in earlier), default=0)
    history = sent.rfind(said.encode())
    share = min(1.0, seen / history) if earlier and history > 0 else None
    earlier.append(sent)
    return _Compared(len(sent), seen, share, knows_history)


def _summed(compared: Sequence[_Compared]) -> Turn:
    return Turn(
        bytes_sent=sum(one.sent for one in compared),
        bytes_seen=sum(one.seen for one in compared),
        history=min((one.history for one in compared if one.history is not None), default=None),
        knows_history=bool(compared) and all(one.knows_history for one in compared),
    )


def newest_share(conversation: Sequence[Mapping[str, Any]]) -> float:
    """Return which share of the conversation before its last message no earlier turn can have sent: the last answer."""
    history, known = (len(written({"messages": conversation[:end]})) for end in (-1, -2))
    return 1 - known / history if history else 0.0


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
