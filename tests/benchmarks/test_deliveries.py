"""Tests of comparing what was proposed with what the aggregator was sent."""

from __future__ import annotations

import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.deliveries import deliveries
from benchmarks.references import Fidelity
from benchmarks.replies import HostileReply, hostile_text

SLOTS = ["a", "b", "b"]


def _body(model: str, *texts: str) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text} for text in texts]}


def _mixture(topic: str) -> list[dict[str, Any]]:
    """Return the requests of a mixture that delivers everything."""
    asked = f"What of {topic}?"
    texts = [hostile_text("a", topic, 1), hostile_text("b", topic, 2), hostile_text("b", topic, 1)]
    return [*(_body(model, asked) for model in SLOTS), _body("last", asked, *texts)]


def test_everything_arrives() -> None:
    """Two mixtures at once that keep to themselves deliver every proposal, and mix none."""
    requests = [body for pair in zip(_mixture("topic-1"), _mixture("topic-2"), strict=True) for body in pair]
    found = deliveries(requests, SLOTS, "last", ["topic-1", "topic-2"])
    assert (found.own, found.mixed) == (Fidelity(6, 6, 6, 6), 0)


def test_mixture_without_aggregator() -> None:
    """A mixture whose aggregator was never asked has delivered nothing."""
    assert deliveries(_mixture("topic-1")[:3], SLOTS, "last", ["topic-1"]).own == Fidelity(3, 0, 0, 0)


def test_of_another_mixture() -> None:
    """A request that holds a text of another mixture is counted."""
    *proposers, last = _mixture("topic-1")
    last["messages"].append({"role": "user", "content": "What of topic-2?"})
    assert deliveries([*proposers, last], SLOTS, "last", ["topic-1"]).mixed == 1


@given(st.text(st.characters(codec="utf-8"), max_size=10), st.integers(0, 99), st.integers(1, 9))
def test_hostile_texts(model: str, topic: int, draw: int) -> None:
    """A hostile text has 2 kB, and is no part of the next draw's."""
    text = hostile_text(model, f"topic-{topic}", draw)
    assert 2_000 <= len(text.encode()) <= 2_600
    assert text not in hostile_text(model, f"topic-{topic}", draw + 1)


def test_reply_in_another_process() -> None:
    """A reply can be sent to another process, and counts its draws of each topic there."""
    reply = pickle.loads(pickle.dumps(HostileReply("a")))  # noqa: S301 - made one line above
    answers = [reply(_body("a", f"What of {topic}?")) for topic in ("topic-1", "topic-2", "topic-1")]
    assert answers == [hostile_text("a", *which) for which in (("topic-1", 1), ("topic-2", 1), ("topic-1", 2))]
