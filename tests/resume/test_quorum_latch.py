"""Claims about the quorum of a layer that is killed half-way: what was answered before counts after."""

from __future__ import annotations

from collections import Counter

import pytest

from langgraph_moa import Layer, Mixture, Proposer
from tests.resume.child import Case, Child
from tests.resume.databases import Database
from tests.resume.providers import asked, environment, hanging
from tests.resume.shapes import Mode, Shape, prefixes

SLOTS = [f"one-{number}" for number in range(1, 6)]
QUORUM = 3
LONG = 30.0
"""Seconds that are not over before the kill."""
GRACE = 0.2
DEADLINE = 20.0
"""Seconds; a run that forgets the answers of before waits so long, and calls what it cuts off `timeout`."""


def layered(database: Database, shape: Shape, *, mode: Mode, grace: float, deadline: float) -> Case:
    """Return a run of one layer of five, or of two such side by side."""
    mixtures = []
    for side in prefixes(shape):
        proposers = [Proposer(f"openai:{side}{name}") for name in SLOTS]
        layer = Layer(proposers, quorum=QUORUM, grace=grace, deadline=deadline)
        mixtures.append(Mixture([layer], f"openai:{side}final", name=f"{side}moa"))
    return Case(shape, mixtures, database, mode, "killed")


@pytest.mark.parametrize(
    ("mode", "shape", "before"),
    [
        ("sync", "root", QUORUM),
        ("async", "subgraph", QUORUM),
        ("sync", "parallel", QUORUM),
        ("async", "root", QUORUM - 1),
        ("sync", "subgraph", QUORUM - 1),
        ("async", "function", QUORUM - 1),
    ],
)
def test_answers_of_before_a_kill_count_for_the_quorum(
    database: Database, mode: Mode, shape: Shape, before: int
) -> None:
    """A layer killed with three usable answers, or with two, goes on once there are three again, after its grace."""
    sides = prefixes(shape)
    first = layered(database, shape, mode=mode, grace=LONG, deadline=2 * LONG)
    with hanging(side + name for side in sides for name in SLOTS[before:]) as provider:
        child = Child(first, resume=False, environment=environment(provider))
        assert provider.wait_for(lambda it: len(it.requests) == len(SLOTS) * len(sides), seconds=LONG)
        database.wait_for_proposals("killed", before * len(sides))
        child.kill()
    then = layered(database, shape, mode=mode, grace=GRACE, deadline=DEADLINE)
    with hanging(side + name for side in sides for name in SLOTS[QUORUM:]) as provider:
        result = Child(then, resume=True, environment=environment(provider)).result()
        calls = asked(provider)
    assert calls <= Counter(side + name for side in sides for name in [*SLOTS[before:], "final"])
    assert result.missing == ["cancelled"] * 2 * len(sides)
    assert GRACE <= result.seconds < DEADLINE / 2
