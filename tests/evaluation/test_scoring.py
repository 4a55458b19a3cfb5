"""What answers to a user's own questions are worth."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import Score
from langgraph_moa.evaluation.scoring import (
    ExactMatch,
    PairAgainst,
    Rating,
    match_of,
    read_score,
    score_table,
    scorer_for,
)
from langgraph_moa.testing import Behaviour, Simulator
from tests.evaluation.simulated import seat

SAMPLE = Sample("q1", ("What is 6 times 7?",), target="42")


@pytest.mark.parametrize(
    ("target", "said", "value"),
    [
        ("42", "So 6 x 7 = 42.", 1.0),
        ("42", "The answer is $42.00.", 1.0),
        ("1/2", "\\boxed{\\frac{1}{2}}", 1.0),
        ("42", "It is 41.", 0.0),
        ("42", "I do not know.", 0.0),
        ("Paris", " **Paris**. ", 1.0),
        ("Paris", "The answer is Paris.", 1.0),
        ("Paris", "The answer is London.", 0.0),
        ("42", "", 0.0),
    ],
)
def test_match(target: str, said: str, value: float) -> None:
    """The final answer counts by its value, or the whole text by its words; no answer is a wrong one."""
    assert match_of(Sample("q", ("?",), target=target), said).value == value


def test_no_target_is_no_score() -> None:
    """Without a target an answer is unscored, and not wrong."""
    score = match_of(Sample("q", ("Why?",)), "Because.")
    assert (score.value, score.why) == (None, "the sample has no target")


async def test_last_turn_is_matched() -> None:
    """Of a conversation the last answer is compared with the target."""
    assert (await ExactMatch().score(SAMPLE, ["42", "43"])).value == 0


@pytest.mark.parametrize(("said", "value"), [("Fine.\nRating: 7", 7.0), ("Fine.", None)])
async def test_rating(said: str, value: float | None) -> None:
    """A judge's rating is the score; one that cannot be read is none."""
    with Simulator(Behaviour(reply=said)) as simulator:
        assert (await Rating(Judge(seat(simulator, "judge"))).score(SAMPLE, ["42"])).value == value


async def test_pair_is_asked_in_both_orders() -> None:
    """A judge that always prefers the first comes to a draw that is told as flipped."""
    with Simulator(Behaviour(reply="Verdict: A")) as simulator:
        scorer = PairAgainst(Judge(seat(simulator, "judge")), {"q1": ["41"]}, "the old one")
        score = await scorer.score(SAMPLE, ["42"])
        assert len(simulator.requests) == len(scorer.requests(SAMPLE, ["42"])) == 2
    assert (score.value, score.metadata) == (0.5, {"flipped": True})


@pytest.mark.parametrize(("baseline", "value"), [({"q1": ["42"]}, 0.5), ({}, None)])
async def test_pair_that_nobody_need_judge(simulator: Simulator, baseline: Any, value: float | None) -> None:
    """Equal answers are a draw and a missing baseline is no score, and the judge is asked in neither case."""
    scorer = PairAgainst(Judge(seat(simulator, "judge")), baseline, "the old one")
    assert (await scorer.score(SAMPLE, ["42"])).value == value
    assert scorer.requests(SAMPLE, ["42"]) == []
    assert simulator.requests == []


def test_scorer_is_the_judge_where_there_is_one() -> None:
    """A judge rates; without one all samples need a target, and the first without is named."""
    assert isinstance(scorer_for([SAMPLE], Judge("openai:gpt-4o")), Rating)
    assert isinstance(scorer_for([SAMPLE], None), ExactMatch)
    with pytest.raises(ConfigurationError, match="1 of 2 samples have no target, such as 'q2': name a judge"):
        scorer_for([SAMPLE, Sample("q2", ("Why?",))], None)


def test_stamps_differ_where_scores_do() -> None:
    """A rating and a comparison of the same judge have two stamps, and so have comparisons with two baselines."""
    judge = Judge("openai:gpt-4o", date="2026-01-31")
    stamps = {Rating(judge).stamp, PairAgainst(judge, {}, "a").stamp, PairAgainst(judge, {}, "b").stamp}
    assert len(stamps) == 3


@given(st.text(min_size=1), st.none() | st.floats(allow_nan=False, allow_infinity=False), st.none() | st.text())
def test_score_comes_back_from_its_table(sample: str, value: float | None, why: str | None) -> None:
    """A score is the same after a log has kept it."""
    score = Score(sample, value, why, {"flipped": False})
    assert read_score(score_table(score)) == score
