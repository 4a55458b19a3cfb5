"""How sure a figure is, and who is ahead."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.intervals import (
    Interval,
    bootstrap_mean,
    bootstrap_mean_of_groups,
    paired_difference,
    pareto_front,
    rank_correlation,
)

VALUES = st.lists(st.floats(-100, 100), min_size=2, max_size=30)
PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30)


def normal(count: int, mean: float = 0.0) -> list[float]:
    """Return values of a normal distribution with standard deviation 1, always the same ones."""
    return list(np.random.default_rng(7).normal(mean, 1, count))


@given(VALUES)
def test_the_interval_holds_the_mean(values: list[float]) -> None:
    """The mean of the values lies within their interval, and the interval within the values."""
    interval = bootstrap_mean(values, resamples=200)
    assert interval is not None
    assert interval.low <= math.fsum(values) / len(values) <= interval.high
    slack = 1e-9
    assert min(values) - slack <= interval.low <= interval.high <= max(values) + slack


def test_the_interval_is_that_of_theory() -> None:
    """Of 1,000 normal values, it is the mean give or take 1.96 standard errors, to a tenth of its width."""
    values = normal(1000)
    interval = bootstrap_mean(values)
    assert interval is not None
    half = 1.96 * statistics.stdev(values) / math.sqrt(len(values))
    middle = statistics.fmean(values)
    assert interval == pytest.approx((middle - half, middle + half), abs=half / 5)


def test_it_covers_the_truth_as_often_as_it_says() -> None:
    """Of 200 samples of a fair coin, 100 tosses each, about 95 in 100 have an interval that holds one half."""
    tosses = np.random.default_rng(3).integers(0, 2, size=(200, 100)).astype(float)
    intervals = [bootstrap_mean(list(row), resamples=400) for row in tosses]
    held = [interval is not None and interval.low <= 0.5 <= interval.high for interval in intervals]
    assert 0.9 <= sum(held) / 200 <= 0.99


def test_more_values_make_it_narrower() -> None:
    """With a hundred times the values, the interval is about a tenth as wide."""
    few, many = bootstrap_mean([0.0, 1.0] * 25), bootstrap_mean([0.0, 1.0] * 2500)
    assert few is not None
    assert many is not None
    assert (many.high - many.low) / (few.high - few.low) == pytest.approx(0.1, rel=0.2)


def test_a_higher_level_makes_it_wider() -> None:
    """An interval at level 0.99 holds the one at 0.8."""
    wide, narrow = bootstrap_mean(normal(50), level=0.99), bootstrap_mean(normal(50), level=0.8)
    assert wide is not None
    assert narrow is not None
    assert wide.low < narrow.low < narrow.high < wide.high


@given(VALUES, st.integers(0, 3))
def test_the_same_seed_gives_the_same_interval(values: list[float], seed: int) -> None:
    """Two calls with the same values and seed agree to the last bit."""
    assert bootstrap_mean(values, seed=seed, resamples=50) == bootstrap_mean(values, seed=seed, resamples=50)


@pytest.mark.parametrize("values", [[], [None, None], [3.0], [None, 3.0]])
def test_of_fewer_than_two_values_there_is_no_interval(values: list[float | None]) -> None:
    """No value, or a single one, has no interval."""
    assert bootstrap_mean(values) is None


def test_unscored_values_are_left_out() -> None:
    """`None` among the values changes nothing."""
    assert bootstrap_mean([1.0, None, 2.0, 4.0, None]) == bootstrap_mean([1.0, 2.0, 4.0])


@pytest.mark.parametrize("values", [[0.0, 1.0] * 50_000, list(np.linspace(-0.366, 1.366, 100_000))])
def test_many_values_have_their_interval_too(values: list[float]) -> None:
    """The interval of 100,000 values is as it should be, whether few of them differ or all."""
    interval = bootstrap_mean(values, resamples=100)
    assert interval == pytest.approx(Interval(0.5 - 0.0031, 0.5 + 0.0031), abs=0.001)


def test_both_ways_of_drawing_give_one_interval() -> None:
    """Values that recur have the interval of the same values with a hair's breadth between them."""
    values = np.array([0.0, 1.0, 1.0, 1.0] * 100)
    apart = values + np.linspace(0, 1e-9, len(values))
    assert bootstrap_mean(list(values)) == pytest.approx(bootstrap_mean(list(apart)), abs=0.006)


@pytest.mark.parametrize(
    ("options", "named"),
    [({"level": 1.0}, "level"), ({"level": 0.0}, "level"), ({"resamples": 0}, "resamples")],
)
def test_options_out_of_bounds_are_named(options: dict[str, float], named: str) -> None:
    """A level or a number of resamples that makes no sense is refused by name."""
    with pytest.raises(ConfigurationError, match=named):
        bootstrap_mean([1.0, 2.0], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_is_refused(value: float) -> None:
    """Neither NaN nor infinity gets an interval."""
    with pytest.raises(ConfigurationError, match="finite"):
        bootstrap_mean([1.0, value])


@given(VALUES)
def test_equal_arms_do_not_differ(values: list[float]) -> None:
    """An arm compared with itself differs by 0, and not significantly."""
    difference = paired_difference(values, values, resamples=50)
    assert difference == (0.0, 0.0, 0.0, False, len(values))


@given(PAIRS)
def test_the_other_way_round_the_sign_changes(pairs: list[tuple[int, int]]) -> None:
    """Comparing second with first negates the mean."""
    first, second = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    there, back = (paired_difference(a, b, resamples=50) for a, b in ((first, second), (second, first)))
    assert there is not None
    assert back is not None
    assert there.mean == pytest.approx(-back.mean)


def test_a_clear_gain_is_significant() -> None:
    """Fifty samples that gain a standard deviation on average differ significantly, and the sign is right."""
    gain = paired_difference(normal(50, mean=1.0), [0.0] * 50)
    assert gain is not None
    assert gain.significant
    assert gain.low > 0
    loss = paired_difference([0.0] * 50, normal(50, mean=1.0))
    assert loss is not None
    assert loss.significant
    assert loss.high < 0


@pytest.mark.parametrize(("pairs", "significant"), [(2, False), (5, False), (6, True), (40, True)])
def test_a_handful_of_pairs_proves_nothing(pairs: int, *, significant: bool) -> None:
    """Five wins of five are not significant at 0.95, though their interval leaves out 0; six of six are."""
    difference = paired_difference([1.0] * pairs, [0.0] * pairs)
    assert difference is not None
    assert difference.low == 1.0
    assert difference.significant is significant


def test_chance_is_seldom_called_significant() -> None:
    """Of 200 comparisons of equal arms, no more than one in ten is significant."""
    noise = np.random.default_rng(11).normal(0, 1, size=(200, 12))
    called = [paired_difference(list(row), [0.0] * 12, resamples=400) for row in noise]
    assert sum(difference is not None and difference.significant for difference in called) <= 20


def test_only_samples_with_both_values_count() -> None:
    """A sample that one of the arms has no value for is in neither mean."""
    difference = paired_difference([1.0, None, 3.0, 5.0], [0.0, 9.0, None, 1.0])
    assert difference is not None
    assert (difference.mean, difference.pairs) == (2.5, 2)


@pytest.mark.parametrize("second", [[None, None, None], [1.0, None, None]])
def test_fewer_than_two_pairs_compare_to_nothing(second: list[float | None]) -> None:
    """With no pair, or a single one, there is no difference to tell."""
    assert paired_difference([1.0, 2.0, 3.0], second) is None


def test_arms_of_different_lengths_are_refused() -> None:
    """Values that cannot be paired are an error with both counts."""
    with pytest.raises(ConfigurationError, match="got 2 and 1"):
        paired_difference([1.0, 2.0], [1.0])
    with pytest.raises(ConfigurationError, match="got 1 and 2"):
        rank_correlation([1.0], [1.0, 2.0])


@given(PAIRS)
def test_rank_correlation_is_that_of_ranks(pairs: list[tuple[int, int]]) -> None:
    """With and without ties, rho is Pearson's correlation of ranks by counting; of a constant side there is none."""
    xs, ys = [float(x) for x, _ in pairs], [float(y) for _, y in pairs]
    ours = rank_correlation(xs, ys)
    if len(set(xs)) == 1 or len(set(ys)) == 1:
        assert ours is None
    else:
        assert ours == pytest.approx(statistics.correlation(ranks(xs), ranks(ys)), abs=1e-12)


def ranks(values: list[float]) -> list[float]:
    """Return ranks; equal values share the mean of theirs."""
    return [sum(other < value for other in values) + (values.count(value) + 1) / 2 for value in values]


def test_rank_correlation_goes_by_order_alone() -> None:
    """A rising curve has rho 1, a falling one -1, and items with an unknown value are left out."""
    xs = [1.0, 2.0, 3.0, None, 4.0]
    assert rank_correlation(xs, [1.0, 10.0, 100.0, 5.0, 1000.0]) == 1.0
    assert rank_correlation(xs, [4.0, 3.0, 2.0, 9.0, 1.0]) == -1.0


def test_rank_correlation_of_a_textbook_case() -> None:
    """Ten pupils' intelligence and hours before the television have rho -29/165."""
    intelligence = [106.0, 100, 86, 101, 99, 103, 97, 113, 112, 110]
    hours = [7.0, 27, 2, 50, 28, 29, 20, 12, 6, 17]
    assert rank_correlation(intelligence, hours) == pytest.approx(-29 / 165)


def test_rank_correlation_of_one_item_is_unknown() -> None:
    """A single item has no order."""
    assert rank_correlation([1.0], [2.0]) is None


def test_the_front_of_a_known_case() -> None:
    """Cheaper and better points stay, by rising cost; beaten and unknown ones do not."""
    points = [(3.0, 0.9), (1.0, 0.5), (2.0, 0.4), (2.0, 0.7), (4.0, 0.9), (None, 1.0), (0.5, None)]
    assert pareto_front(points) == [1, 3, 0]


def test_equal_points_share_the_front() -> None:
    """Two points of the same cost and value are both on it."""
    assert pareto_front([(1.0, 1.0), (1.0, 1.0), (1.0, 0.5)]) == [0, 1]


@given(PAIRS)
def test_the_front_is_what_nothing_beats(pairs: list[tuple[int, int]]) -> None:
    """A point is on the front exactly when no other is at least as good in both and better in one."""
    points = [(float(cost), float(value)) for cost, value in pairs]
    beaten = {
        index
        for index, (cost, value) in enumerate(points)
        for other_cost, other_value in points
        if other_cost <= cost and other_value >= value and (other_cost, other_value) != (cost, value)
    }
    assert sorted(pareto_front(points)) == sorted(set(range(len(points))) - beaten)


def test_ratings_of_one_sample_are_no_further_samples() -> None:
    """The same values are surer as 60 samples than as 12 samples of 5 equal ratings, some with one rating more."""
    values = [float(index % 2) for index in range(12)]
    grouped = bootstrap_mean_of_groups([[value] * (5 + index % 2) for index, value in enumerate(values)])
    alone = bootstrap_mean_of_groups([[value] for value in values for _ in range(5)])
    assert grouped is not None
    assert alone is not None
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


def test_groups_of_one_are_values() -> None:
    """Groups of one value each have the interval of the values; a single group has none."""
    assert bootstrap_mean_of_groups([[1.0], [2.0], [5.0]]) == bootstrap_mean([1.0, 2.0, 5.0])
    assert bootstrap_mean_of_groups([[1.0, 2.0]]) is None


def test_an_empty_group_is_refused() -> None:
    """A sample of which nothing is known is left out by the caller, who counts it."""
    with pytest.raises(ConfigurationError, match="leave out"):
        bootstrap_mean_of_groups([[1.0], []])
