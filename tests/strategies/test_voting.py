"""Counting votes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa import ConfigurationError
from langgraph_moa.strategies import plurality, reliability_weights

ANSWERS = st.lists(st.none() | st.sampled_from("abcd"), max_size=12)


@pytest.mark.parametrize(
    ("answers", "winner"),
    [
        pytest.param(["a", "b", "b"], "b", id="most"),
        pytest.param(["b", "a", "a", "b"], "b", id="tie-to-the-earliest"),
        pytest.param([None, "a", None], "a", id="none-is-no-vote"),
        pytest.param([None, None], None, id="nobody-votes"),
        pytest.param([], None, id="empty"),
        pytest.param([18.0, 18, 20.0], 18.0, id="equal-numbers"),
    ],
)
def test_plurality(answers: list[object], winner: object) -> None:
    """The answer with most votes wins, the earliest of equals, and who gave none does not vote."""
    assert plurality(answers) == winner


@given(ANSWERS)
def test_equal_weights(answers: list[str | None]) -> None:
    """Equal weights decide as no weights do."""
    assert plurality(answers, weights=[0.3] * len(answers)) == plurality(answers)


@given(ANSWERS)
def test_winner_is_a_maximum(answers: list[str | None]) -> None:
    """No answer was given more often than the winner, and none as often was given earlier."""
    winner = plurality(answers)
    given_answers = [answer for answer in answers if answer is not None]
    if winner is None:
        assert not given_answers
        return
    most = max(map(given_answers.count, given_answers))
    assert winner == next(answer for answer in given_answers if given_answers.count(answer) == most)


def test_weights_overrule_numbers() -> None:
    """One voter with more weight than two others has its way."""
    assert plurality(["a", "b", "b"], weights=[3, 1, 1.5]) == "a"


@pytest.mark.parametrize("weights", [[1], [1, -1], [1, math.nan], [1, math.inf], [1, True], [1, "2"]])
def test_wrong_weights(weights: list[float]) -> None:
    """Weights are refused that are too few, negative or no finite numbers."""
    with pytest.raises(ConfigurationError, match="weight"):
        plurality(["a", "b"], weights=weights)


def test_bare_text_is_refused() -> None:
    """A text in place of the list is not read letter by letter."""
    with pytest.raises(ConfigurationError, match="answers must be a list"):
        plurality("aab")


def test_reliability_weights() -> None:
    """A voter who is right more often has more weight, and one no better than chance has none."""
    weights = reliability_weights({"good": 0.9, "fair": 0.6, "coin": 0.5, "bad": 0.2, "sure": 1.0})
    assert weights["good"] == pytest.approx(math.log(9))
    assert weights["sure"] > weights["good"] > weights["fair"] > weights["coin"] == weights["bad"] == 0
    assert reliability_weights({"guess": 0.25}, choices=4)["guess"] == pytest.approx(0)


@pytest.mark.parametrize("arguments", [({"a": 1.2}, None), ({"a": -0.1}, None), ({"a": 0.5}, 1)])
def test_wrong_reliabilities(arguments: tuple[dict[str, float], int | None]) -> None:
    """An accuracy outside 0..1, and fewer than two choices, are refused."""
    with pytest.raises(ConfigurationError):
        reliability_weights(arguments[0], choices=arguments[1])
