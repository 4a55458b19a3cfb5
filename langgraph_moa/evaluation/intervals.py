"""How sure a figure is, and who is ahead: intervals, paired differences, rank correlation, the Pareto front."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from langgraph_moa.errors import ConfigurationError

_LEAST = 2
"""Values below which nothing is known of how they spread."""
_REPEATED = 8
"""Times that values recur on average for it to be quicker to draw how often each does: marks, or right and wrong."""
_AT_ONCE = 2_000_000
"""Random draws held in memory at a time."""


class Interval(NamedTuple):
    """Where the true mean is likely to be."""

    low: float
    high: float


class Difference(NamedTuple):
    """How much better one arm is than another, on the same samples."""

    mean: float
    """Of the first minus the second."""
    low: float
    high: float
    significant: bool
    """0 is outside the interval, and a sign-flip test at the same level says so too: on few pairs the interval alone is
    too narrow, so that below six pairs nothing is significant at 0.95."""
    pairs: int
    """Samples that both have a value for."""


def bootstrap_mean(
    values: Sequence[float | None], *, seed: int = 0, resamples: int = 2000, level: float = 0.95
) -> Interval | None:
    """Return the percentile bootstrap interval of a mean (Efron 1979); it holds the mean.

    Args:
        values: One per sample; `None`: unscored, and left out.
        seed: The same seed and values give the same interval.
        resamples: Means drawn; 2,000 settle a 0.95 interval to about a fiftieth of its width.
        level: Share of such intervals that hold the true mean, between 0 and 1.

    Returns:
        `None` for fewer than two values, of whose spread nothing is known.

    Raises:
        ConfigurationError: `resamples` or `level` is out of bounds, or a value is not finite.
    """
    _check(resamples, level)
    known = _known(values)
    if len(known) < _LEAST:
        return None
    rng = np.random.default_rng(seed)
    different, counts = np.unique(known, return_counts=True)
    if len(different) * _REPEATED <= len(known):
        drawn = rng.multinomial(len(known), counts / len(known), size=resamples) @ different / len(known)
    else:
        drawn = np.concatenate(
            [known[rng.integers(0, len(known), size=(rows, len(known)))].mean(1) for rows in _rows(resamples, known)]
        )
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    middle = math.fsum(known) / len(known)
    return Interval(min(float(low), middle), max(float(high), middle))


def bootstrap_mean_of_groups(
    groups: Sequence[Sequence[float]], *, seed: int = 0, resamples: int = 2000, level: float = 0.95
) -> Interval | None:
    """Return the interval of the mean of all values, of which those of a group are not independent of each other.

    Groups are drawn whole (a cluster bootstrap), so that several ratings of one sample do not count as several samples.

    Args:
        groups: Of each sample, the values that there are; none of them is empty.
        seed: As for `bootstrap_mean`.
        resamples: As for `bootstrap_mean`.
        level: As for `bootstrap_mean`.

    Returns:
        `None` for fewer than two groups.

    Raises:
        ConfigurationError: As for `bootstrap_mean`, or a group is empty.
    """
    if len({len(group) for group in groups}) == 1:
        return bootstrap_mean(
            [math.fsum(group) / len(group) for group in groups if group], seed=seed, resamples=resamples, level=level
        )
    _check(resamples, level)
    if not all(groups):
        msg = "a group must hold a value or more: leave out samples of which nothing is known"
        raise ConfigurationError(msg)
    if len(groups) < _LEAST:
        return None
    sums, sizes = np.array([math.fsum(_known(group)) for group in groups]), np.array([len(group) for group in groups])
    rng = np.random.default_rng(seed)
    means = []
    for rows in _rows(resamples, sums):
        drawn = rng.integers(0, len(groups), size=(rows, len(groups)))
        means.append(sums[drawn].sum(1) / sizes[drawn].sum(1))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    middle = math.fsum(sums) / int(sizes.sum())
    return Interval(min(float(low), middle), max(float(high), middle))


def paired_difference(
    first: Sequence[float | None],
    second: Sequence[float | None],
    *,
    seed: int = 0,
    resamples: int = 2000,
    level: float = 0.95,
) -> Difference | None:
    """Compare two arms on the samples that both have a value for.

    Args:
        first: One value per sample; `None`: unscored.
        second: Of the same samples, in the same order.
        seed: As for `bootstrap_mean`.
        resamples: As for `bootstrap_mean`; also the sign flips that are drawn.
        level: As for `bootstrap_mean`.

    Returns:
        `None` for fewer than two pairs.

    Raises:
        ConfigurationError: The arms have not as many values, or an option is out of bounds.
    """
    _same_length(first, second)
    gains = [a - b for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    interval = bootstrap_mean(gains, seed=seed, resamples=resamples, level=level)
    if interval is None:
        return None
    outside = interval.low > 0 or interval.high < 0
    significant = outside and _sign_flip_p(_known(gains), seed=seed, resamples=resamples) < 1 - level
    return Difference(math.fsum(gains) / len(gains), *interval, significant, len(gains))


def rank_correlation(xs: Sequence[float | None], ys: Sequence[float | None]) -> float | None:
    """Return Spearman's rho, from -1 to 1; equal values share the mean of their ranks.

    Args:
        xs: One value per item; an item with `None` on either side is left out.
        ys: Of the same items, in the same order.

    Returns:
        `None` for fewer than two items, or when all values of one side are equal: there is no order to agree with.

    Raises:
        ConfigurationError: The two have not as many values.
    """
    _same_length(xs, ys)
    pairs = [(x, y) for x, y in zip(xs, ys, strict=True) if x is not None and y is not None]
    if len(pairs) < _LEAST:
        return None
    left, right = (_centred(_ranks(side)) for side in zip(*pairs, strict=True))
    size = math.sqrt(float(left @ left) * float(right @ right))
    return min(1.0, max(-1.0, float(left @ right) / size)) if size else None


def pareto_front(points: Sequence[tuple[float | None, float | None]]) -> list[int]:
    """Return the points that no other one beats: what is cheaper than one of them is worse, what is better costs more.

    Args:
        points: Cost, of which less is better, and value, of which more is; a point with `None` is left out.

    Returns:
        Indexes by rising cost. Of equal points all are on the front.
    """
    known = [
        (cost, -value, index) for index, (cost, value) in enumerate(points) if cost is not None and value is not None
    ]
    front: list[tuple[float, float, int]] = []
    for point in sorted(known):
        if not front or point[1] < front[-1][1] or point[:2] == front[-1][:2]:
            front.append(point)
    return [index for _, _, index in front]


def _known(values: Sequence[float | None]) -> NDArray[np.float64]:
    known = np.asarray([value for value in values if value is not None], dtype=np.float64)
    if not np.isfinite(known).all():
        msg = f"a value must be a finite number, or None where there is none; got {known[~np.isfinite(known)][0]}"
        raise ConfigurationError(msg)
    return known


def _rows(resamples: int, values: NDArray[np.float64]) -> Iterator[int]:
    """Split the resamples into portions whose draws fit in memory."""
    portion = max(1, _AT_ONCE // len(values))
    for start in range(0, resamples, portion):
        yield min(portion, resamples - start)


def _sign_flip_p(gains: NDArray[np.float64], *, seed: int, resamples: int) -> float:
    """Return how often, of equal arms, a mean would be as far from 0 as the measured one, which counts as a draw."""
    measured = abs(float(gains.sum())) * (1 - 1e-12)
    as_far = total = 0
    for signs in _signs(gains, seed=seed, resamples=resamples):
        as_far += int(np.count_nonzero(np.abs(signs @ gains) >= measured))
        total += len(signs)
    return as_far / total


def _signs(gains: NDArray[np.float64], *, seed: int, resamples: int) -> Iterator[NDArray[np.float64]]:
    """Yield rows of signs: every pattern that there is, or as many at random as are asked for and the measured one."""
    pairs = len(gains)
    if 2**pairs <= resamples:
        yield np.array(list(itertools.product((1.0, -1.0), repeat=pairs)))
        return
    rng = np.random.default_rng(seed)
    yield np.ones((1, pairs))
    for rows in _rows(resamples, gains):
        yield np.where(rng.random((rows, pairs)) < 0.5, 1.0, -1.0)  # noqa: PLR2004 - a fair coin


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    _, position, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: NDArray[np.float64] = (last - (counts - 1) / 2)[position]
    return ranks


def _centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values - float(values.mean())


def _same_length(first: Sequence[object], second: Sequence[object]) -> None:
    if len(first) != len(second):
        msg = f"both must have one value for each sample, in the same order; got {len(first)} and {len(second)} values"
        raise ConfigurationError(msg)


def _check(resamples: int, level: float) -> None:
    if resamples < 1:
        msg = f"resamples must be at least 1, got {resamples}"
        raise ConfigurationError(msg)
    if not 0 < level < 1:
        msg = f"level must be between 0 and 1, got {level}"
        raise ConfigurationError(msg)
