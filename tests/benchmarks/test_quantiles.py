"""Tests of quantiles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quantiles import quantile

FLOATS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


@given(FLOATS, st.floats(0, 1), st.floats(0, 1))
def test_rises_with_share(values: list[float], one: float, other: float) -> None:
    """A quantile lies among the values, and none of a greater share is less."""
    low, high = (quantile(values, share) for share in sorted((one, other)))
    assert low is not None
    assert high is not None
    assert min(values) <= low <= high + 1e-6
    assert high <= max(values)


@pytest.mark.parametrize(("share", "expected"), [(0, 1.0), (0.5, 2.5), (1, 4.0)])
def test_between_neighbours(share: float, expected: float) -> None:
    """A quantile between two values is between them in proportion."""
    assert quantile([4.0, 1.0, 3.0, 2.0], share) == expected


def test_of_nothing() -> None:
    """Nothing has no quantile."""
    assert quantile([], 0.5) is None
