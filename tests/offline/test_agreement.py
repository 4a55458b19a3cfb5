"""Merging by agreement."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.offline.agreement import merge
from langgraph_moa.offline.findings import Finding

A, B, C, D = (Finding(letter, f"{letter}.md") for letter in "ABCD")
RANKINGS = st.lists(st.lists(st.sampled_from([A, B, C, D]), unique=True), max_size=8)


def test_two_agree() -> None:
    """What two readers put first stands before what one puts first."""
    assert merge([[A, C], [B, D], [B, C]])[0] == B


def test_higher_rank_wins() -> None:
    """Of two sentences that as many readers name, the higher ranked one wins."""
    assert merge([[A, B], [A, B]]) == [A, B]


def test_tie_goes_to_more_readers() -> None:
    """One first place equals two second places; then the sentence that more readers name wins."""
    assert merge([[A], [C, B], [D, B]])[0] == B


def test_unknown_sentences() -> None:
    """A sentence that does not exist is dropped and costs the others no rank."""
    assert merge([[D, A], [B], [D, A]], known={A, B}) == [A, B]


def test_said_twice_by_one() -> None:
    """A reader that repeats itself has one vote."""
    assert merge([[A, A, A, A], [B, A], [B]])[0] == B


@given(RANKINGS, st.randoms(use_true_random=False))
def test_order_of_readers(rankings: list[list[Finding]], random: Random) -> None:
    """The result does not depend on the order in which readers are shown."""
    shuffled = list(rankings)
    random.shuffle(shuffled)
    assert merge(shuffled) == merge(rankings)


@given(RANKINGS)
def test_nothing_is_lost(rankings: list[list[Finding]]) -> None:
    """The result holds every finding once."""
    merged = merge(rankings)
    assert sorted(merged) == sorted({finding for ranking in rankings for finding in ranking})
