"""The raw win rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

from langgraph_moa.evaluation.length_control import checked_preferences
from langgraph_moa.evaluation.scores import mean


def win_rate(preferences: Sequence[float | None]) -> float | None:
    """Return the mean preference in percent.

    Args:
        preferences: For the model over the baseline, from 0 to 1; 0.5 is a draw. NaN or `None`: unscored, left out.

    Returns:
        `None` when there is no preference.

    Raises:
        ConfigurationError: One lies outside 0..1.
    """
    share = mean(None if math.isnan(number) else number for number in checked_preferences(preferences))
    return None if share is None else 100 * share
