"""Quantiles of what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the value that this share of the values does not pass, between neighbours in proportion.

    Args:
        values: In any order; of none there is no quantile.
        share: From 0 (the least) to 1 (the greatest).
    """
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return min(ordered[below] + (ordered[above] - ordered[below]) * (place - below), ordered[above])
