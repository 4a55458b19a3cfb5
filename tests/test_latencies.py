"""Claims about what is known of how long models take."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.latencies import KEPT, Latencies, latencies_of, nearest_rank

SECONDS = st.floats(min_value=0, max_value=1e6)


@settings(max_examples=50)
@given(st.lists(SECONDS, min_size=1, max_size=40), st.integers(1, 100))
def test_a_quantile_is_the_least_value_that_covers_its_share(values: list[float], percent: int) -> None:
    """At least the share lies at or below the quantile, and less than the share below it."""
    found = nearest_rank(sorted(values), percent / 100)
    assert found in values
    assert 100 * sum(value <= found for value in values) >= percent * len(values)
    assert 100 * sum(value < found for value in values) < percent * len(values)


def test_too_few_answers_give_no_quantile() -> None:
    """Nothing is said of a model until as many answers as asked for were measured."""
    latencies = Latencies()
    for seconds in range(1, 20):
        latencies.note(float(seconds))
    assert latencies.quantile(0.95, 20) is None
    latencies.note(20.0)
    assert latencies.quantile(0.95, 20) == 19.0


def test_only_the_last_answers_count() -> None:
    """What was measured before the last answers that are kept has no part in a quantile."""
    latencies = Latencies()
    for seconds in [1000.0] * KEPT + [1.0] * KEPT:
        latencies.note(seconds)
    assert latencies.quantile(0.99, KEPT) == 1.0
    assert latencies.quantile(0.99, KEPT + 1) is None


@settings(max_examples=50)
@given(st.integers(1, 200), st.integers(1, 100))
def test_extra_calls_stay_within_their_share(calls: int, percent: int) -> None:
    """However often one is wanted, no more extra calls are allowed than the share of the calls so far, rounded down."""
    latencies, allowed = Latencies(), 0
    for begun in range(1, calls + 1):
        latencies.begin()
        allowed += latencies.allow(percent / 100)
        assert 100 * allowed <= percent * begun
    while latencies.allow(percent / 100):
        allowed += 1
    assert allowed == percent * calls // 100


def test_threads_share_one_cap() -> None:
    """Threads that ask at once are together allowed no more than the share."""
    latencies = Latencies()
    for _ in range(1000):
        latencies.begin()
    with ThreadPoolExecutor(8) as pool:
        allowed = sum(pool.map(lambda _: latencies.allow(0.1), range(1000)))
    assert allowed == 100


def test_many_models_are_forgotten_in_turn() -> None:
    """What is known of a model survives until over a thousand others were asked for, and no longer."""
    mine = latencies_of("mine")
    for number in range(1000):
        latencies_of(number)
    assert latencies_of("mine") is mine
    for number in range(1100):
        latencies_of(("other", number))
    assert latencies_of("mine") is not mine
