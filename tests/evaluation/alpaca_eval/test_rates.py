"""The raw win rate."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.alpaca_eval import win_rate


@pytest.mark.parametrize("preferences", [[], [None], [math.nan, None]])
def test_nothing_scored_is_no_rate(preferences: list[float | None]) -> None:
    """Without a single preference there is no rate: `None`, not 0."""
    assert win_rate(preferences) is None


def test_unscored_are_left_out() -> None:
    """NaN and `None` count neither as wins nor as losses."""
    assert win_rate([1.0, 0.0, math.nan, None, 0.5, 1.0]) == 62.5


@given(st.lists(st.floats(0, 1), min_size=1))
def test_it_is_a_percentage(preferences: list[float]) -> None:
    """The rate lies between 0 and 100, and that of the baseline is what is left of 100."""
    rate = win_rate(preferences)
    other = win_rate([1 - preference for preference in preferences])
    assert rate is not None
    assert other == pytest.approx(100 - rate)
    assert -1e-9 <= rate <= 100 + 1e-9


def test_official_coding_is_refused() -> None:
    """Preferences from 1 to 2, as in the official annotations, are refused with what to do."""
    with pytest.raises(ConfigurationError, match=r"preferences\[1\] must be from 0 to 1.*subtract 1"):
        win_rate([1.0, 1.8])
