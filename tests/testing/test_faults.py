"""Claims about when faults happen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.testing.faults import FAULTS, Fault, FaultPlan

RATES = st.dictionaries(st.sampled_from(FAULTS), st.floats(0, 1 / len(FAULTS)))


def draws(plan: FaultPlan, count: int = 50) -> list[Fault | None]:
    """Return the faults of so many requests."""
    return [plan.next() for _ in range(count)]


@given(RATES, st.text())
def test_equal_seeds_give_equal_faults(rates: dict[Fault, float], seed: str) -> None:
    """The same seed gives the same faults, and only those that have a rate."""
    first = draws(FaultPlan(rates, (), seed))
    assert first == draws(FaultPlan(rates, (), seed))
    assert {fault for fault in first if fault} <= {fault for fault, rate in rates.items() if rate > 0}


def test_other_seeds_give_other_faults() -> None:
    """Another seed gives another sequence."""
    rates: dict[Fault, float] = {"hang": 0.3, "empty": 0.3}
    assert draws(FaultPlan(rates, (), "1")) != draws(FaultPlan(rates, (), "2"))


@given(st.lists(st.one_of(st.none(), st.sampled_from(FAULTS)), max_size=10))
def test_the_schedule_comes_first(schedule: list[Fault | None]) -> None:
    """The first requests meet what the schedule says, and the later ones what the rates say."""
    plan = FaultPlan({"hang": 1.0}, schedule, "any")
    assert draws(plan, len(schedule) + 3) == [*schedule, "hang", "hang", "hang"]


def test_rates_are_kept() -> None:
    """Over many requests each fault has about its share."""
    drawn = draws(FaultPlan({"hang": 0.1, "empty": 0.3}, (), "seed"), 5000)
    assert 0.08 < drawn.count("hang") / 5000 < 0.12
    assert 0.27 < drawn.count("empty") / 5000 < 0.33
