"""Token buckets: how much may be used, and when there is enough again."""

from __future__ import annotations

import math
from dataclasses import dataclass

_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Shortage:
    """Why a request was turned away."""

    unit: str
    """`requests` or `tokens`."""
    wait: float
    """Seconds until the request could pass, or infinity for one that is larger than the bucket."""


class Bucket:
    """Begins full and is refilled steadily.

    Args:
        per_minute: Refilled in one minute.
        burst: Seconds' worth that the bucket holds; at least 1 unit fits in any case.
        now: Seconds of any clock that goes forward.
    """

    def __init__(self, per_minute: float, burst: float, now: float) -> None:
        self._rate = per_minute / 60
        self._capacity = max(1.0, self._rate * burst)
        self._level = self._capacity
        self._filled_at = now

    def wait_for(self, amount: float, now: float) -> float:
        """Return the seconds until so much is there: 0 when it is now, infinity when it never fits."""
        self._level = min(self._capacity, self._level + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if amount > self._capacity:
            return math.inf
        missing = amount - self._level
        return missing / self._rate if missing > _ROUNDING else 0.0

    def take(self, amount: float) -> None:
        """Use so much."""
        self._level -= amount


class Allowance:
    """What one model lets through: a bucket for requests and one for tokens; `None` is no limit."""

    def __init__(
        self, requests_per_minute: float | None, tokens_per_minute: float | None, burst: float, now: float
    ) -> None:
        self._requests = None if requests_per_minute is None else Bucket(requests_per_minute, burst, now)
        self._tokens = None if tokens_per_minute is None else Bucket(tokens_per_minute, burst, now)

    @property
    def counts_tokens(self) -> bool:
        """Whether the tokens of a request matter."""
        return self._tokens is not None

    def admit(self, tokens: int, now: float) -> Shortage | None:
        """Let a request pass and charge for it, or return why not; then nothing is charged."""
        for_requests = self._requests.wait_for(1, now) if self._requests else 0.0
        for_tokens = self._tokens.wait_for(tokens, now) if self._tokens else 0.0
        if for_requests or for_tokens:
            unit = "tokens" if for_tokens > for_requests else "requests"
            return Shortage(unit=unit, wait=max(for_requests, for_tokens))
        if self._requests:
            self._requests.take(1)
        if self._tokens:
            self._tokens.take(tokens)
        return None
