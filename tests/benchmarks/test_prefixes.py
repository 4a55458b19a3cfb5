"""Tests of what a prompt cache can spare."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.conversations import conversation, said
from benchmarks.prefixes import common_prefix, newest_share, turns_of, written

TURNS = 4
SAID = [said(turn) for turn in range(1, TURNS + 1)]


def _body(messages: list[dict[str, str]], model: str = "m") -> dict[str, Any]:
    return {"model": model, "messages": messages}


def _with_tail(turn: int) -> dict[str, Any]:
    *history, last = conversation(turn)
    return _body([*history, {**last, "content": f"{last['content']} references of turn {turn}"}])


def _with_head(turn: int) -> dict[str, Any]:
    first, *others = conversation(turn)
    return _body([{**first, "content": f"references of turn {turn}: {first['content']}"}, *others])


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_common_prefix(beginning: bytes, one: bytes, other: bytes) -> None:
    """The common prefix is as long as the plain way of finding it says."""
    pair = [beginning + one, beginning + other]
    same = itertools.takewhile(lambda both: both[0] == both[1], zip(*pair, strict=False))
    assert common_prefix(*pair) == len(list(same))


def test_tail_is_stable() -> None:
    """Of a conversation to whose end references are added, all but the newest answer was sent before."""
    turns = turns_of([_with_tail(turn) for turn in range(1, TURNS + 1)], SAID)
    assert turns[0].history is None
    for turn in range(2, TURNS + 1):
        assert turns[turn - 1].history == pytest.approx(1 - newest_share(conversation(turn)), abs=0.002)


def test_head_is_not() -> None:
    """Of a conversation that begins with new references, hardly anything was sent before."""
    histories = [turn.history for turn in turns_of([_with_head(turn) for turn in range(1, TURNS + 1)], SAID)[1:]]
    assert all(history is not None and history < 0.01 for history in histories)


def test_models_have_caches_of_their_own() -> None:
    """What another model was sent spares nothing."""
    bodies = [_body(conversation(1), "one"), _body(conversation(1), "other")]
    assert turns_of(bodies, SAID)[0].bytes_seen == 0


def test_repeated_request() -> None:
    """A request that is sent again was sent before, every byte of it."""
    bodies = [_body(conversation(1)), _body(conversation(1))]
    turn = turns_of(bodies, SAID)[0]
    assert (turn.bytes_sent, turn.bytes_seen) == (2 * turn.bytes_seen, len(written(bodies[0])))


def test_forgotten_history() -> None:
    """A request without what was said before shows that its sender takes no history."""
    bodies = [_body(conversation(1)), _body(conversation(2)[-1:])]
    assert [turn.knows_history for turn in turns_of(bodies, SAID[:2])] == [True, False]


def test_request_without_question() -> None:
    """A request that holds no question belongs to the turn of the request before it."""
    bodies = [_body(conversation(2)), _body([{"role": "user", "content": "Rank these."}])]
    sent = [turn.bytes_sent for turn in turns_of(bodies, SAID[:3])]
    assert sent[0] == sent[2] == 0
    assert sent[1] == sum(len(written(body)) for body in bodies)


def test_silent_turn() -> None:
    """A turn without any request shows no knowledge of the history."""
    assert not turns_of([], SAID)[1].knows_history
