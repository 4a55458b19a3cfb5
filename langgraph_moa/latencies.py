"""How long models took to answer in this process, and how many calls were made beside others: see `hedging`."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence

KEPT = 512
"""Latencies of a model that are kept: the last ones."""
_MOST_MODELS = 1024
_ROUNDING = 1e-9
_lock = threading.Lock()


def nearest_rank(ascending: Sequence[float], quantile: float) -> float:
    """Return the least of some values that at least so large a share of them does not pass.

    Args:
        ascending: One value or more.
        quantile: Above 0, up to 1.
    """
    return ascending[max(0, math.ceil(quantile * len(ascending) - _ROUNDING) - 1)]


class Latencies:
    """Of one model: the last ones, its calls, and the calls that were made beside them. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: deque[float] = deque()
        self._ascending: list[float] = []
        self._calls = 0
        self._extra = 0

    def begin(self) -> None:
        """Count a call of the slot."""
        with self._lock:
            self._calls += 1

    def allow(self, most: float) -> bool:
        """Count a call beside another one, if it may be made; say whether it may.

        Args:
            most: Such calls at most, as a share of the slot's calls so far.
        """
        with self._lock:
            allowed = self._extra + 1 <= most * self._calls + _ROUNDING
            self._extra += allowed
            return allowed

    def note(self, seconds: float) -> None:
        """Keep how long an answer took, or at least took."""
        with self._lock:
            self._last.append(seconds)
            insort(self._ascending, seconds)
            if len(self._last) > KEPT:
                del self._ascending[bisect_left(self._ascending, self._last.popleft())]

    def quantile(self, share: float, least: int) -> float | None:
        """Return the seconds within which such a share of the last answers came; `None`: fewer than `least` are kept.

        Args:
            share: Above 0, up to 1.
            least: 1 or more.
        """
        with self._lock:
            return nearest_rank(self._ascending, share) if len(self._ascending) >= least else None


_by_model: OrderedDict[Hashable, Latencies] = OrderedDict()


def latencies_of(model: Hashable) -> Latencies:
    """Return what is known of a model in this process; of many models, the one asked for longest ago is forgotten."""
    with _lock:
        known = _by_model.setdefault(model, Latencies())
        _by_model.move_to_end(model)
        if len(_by_model) > _MOST_MODELS:
            _by_model.popitem(last=False)
        return known
