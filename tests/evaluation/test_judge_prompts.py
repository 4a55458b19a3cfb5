"""What judges are asked of any question, and how their verdicts are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from langgraph_moa.evaluation.judge_prompts import pair_messages, rating_messages, read_pair, read_rating
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.fences import read_last

SAMPLE = Sample("q1", ("What is 6 times 7?",), target="42")


@pytest.mark.parametrize(
    ("said", "rating"),
    [
        ("Right, but terse.\nRating: 7", 7.0),
        ("**Rating:** 8.5", 8.5),
        ("Rating: [[10]]", 10.0),
        ("rating: 9/10", 9.0),
        ("At first Rating: 3, on reflection\nRating: 6.", 6.0),
        ("Rating: 11", None),
        ("Rating: 0", None),
        ("Rating: -3", None),
        ("Rating: 1234", None),
        ("Rating: good", None),
        ("A 7, I should say.", None),
        ("<think>Rating: 2</think>Rating: 9", 9.0),
        ("", None),
    ],
)
def test_reads_a_rating(said: str, rating: float | None) -> None:
    """The last rating from 1 to 10 counts, however it is adorned, and anything else is none."""
    assert read_rating(AIMessage(said)) == rating


@pytest.mark.parametrize(
    ("said", "share"),
    [
        ("B is right.\nVerdict: B", 1.0),
        ("Verdict: **A**", 0.0),
        ("**Verdict: [[a]]**", 0.0),
        ("Verdict: draw", 0.5),
        ("verdict: Tie.", 0.5),
        ("Verdict: A\nNo: Verdict: B", 1.0),
        ("Verdict: Answer B", 1.0),
        ("Verdict: Alas, neither", None),
        ("B", None),
        ("", None),
    ],
)
def test_reads_a_verdict(said: str, share: float | None) -> None:
    """The last verdict counts, a draw is half, and anything else is none."""
    assert read_pair(AIMessage(said)) == share


@given(st.text(), st.text(), st.text())
def test_nothing_shown_can_close_its_fence(question: str, first: str, second: str) -> None:
    """Request, right answer and both answers are read back from the request as they were, whatever they hold."""
    sample = Sample("q", (f"{question}?",), target=f"{first}!")
    shown = str(pair_messages(sample, [first], [second])[-1].content)
    section = read_last("case", "part", shown)
    assert section is not None
    assert [item.text for item in section.items] == [f"{question}?", f"{first}!", first, second]


def test_turns_are_numbered() -> None:
    """A conversation is shown whole, with the number of each turn."""
    sample = Sample("q", ("Name a river.", "A longer one?"))
    section = read_last("case", "part", str(rating_messages(sample, ["Rhine", "Nile"])[-1].content))
    assert section is not None
    assert [item.name for item in section.items] == [
        "request, turn 1",
        "request, turn 2",
        "assistant, turn 1",
        "assistant, turn 2",
    ]


def test_right_answer_is_shown_where_there_is_one() -> None:
    """A judge is told the target, and nothing of it where nobody has written one down."""
    assert "42" in str(rating_messages(SAMPLE, ["43"])[-1].content)
    assert "right answer" not in str(rating_messages(Sample("q", ("Why?",)), ["43"])[-1].content)
