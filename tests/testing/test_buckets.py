"""Claims about token buckets."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.testing.buckets import Allowance, Bucket


@given(st.floats(1, 1e5), st.floats(0.1, 60), st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 3)), max_size=40))
def test_the_announced_wait_is_true(per_minute: float, burst: float, course: list[tuple[float, float]]) -> None:
    """After the wait that was announced, and not much sooner, there is enough."""
    now = 0.0
    bucket = Bucket(per_minute, burst, now)
    for pause, amount in course:
        now += pause
        wait = bucket.wait_for(amount, now)
        if math.isinf(wait):
            continue
        if wait > 1e-3:
            assert bucket.wait_for(amount, now + wait * 0.9) > 0
        now += wait + 1e-6
        assert bucket.wait_for(amount, now) == pytest.approx(0, abs=1e-6)
        bucket.take(amount)


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    """A full bucket lets its burst through at once, then one request for each interval."""
    allowance = Allowance(60, None, 3, 0.0)
    assert [allowance.admit(0, 0.0) for _ in range(3)] == [None] * 3
    shortage = allowance.admit(0, 0.0)
    assert shortage is not None
    assert (shortage.unit, shortage.wait) == ("requests", 1.0)
    assert allowance.admit(0, 1.0) is None
    assert allowance.admit(0, 1.5) is not None


def test_a_request_that_is_turned_away_costs_nothing() -> None:
    """Tokens are not charged when requests are short, nor requests when tokens are."""
    allowance = Allowance(60, 600, 1, 0.0)
    assert allowance.admit(9, 0.0) is None
    for _ in range(5):
        assert allowance.admit(9, 0.0) is not None
    assert allowance.admit(9, 1.0) is None


def test_what_never_fits_waits_for_ever() -> None:
    """A request for more tokens than the bucket holds is told so."""
    shortage = Allowance(None, 60, 10, 0.0).admit(11, 0.0)
    assert shortage is not None
    assert (shortage.unit, shortage.wait) == ("tokens", math.inf)
