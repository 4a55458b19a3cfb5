"""How many requests are let in: at once, waiting, and in a minute from one address."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from langgraph_moa.serving.failures import RequestFailure


class Doors:
    """Of one server process.

    Args:
        most_at_once: Requests that are being answered.
        most_waiting: Requests that wait.
        per_minute: Requests of one address; `None`: any number.
    """

    def __init__(self, most_at_once: int, most_waiting: int, per_minute: int | None) -> None:
        self._places = asyncio.Semaphore(most_at_once)
        self._room = most_at_once + most_waiting
        self._inside = 0
        self._pace = None if per_minute is None else RateLimitItemPerMinute(per_minute)
        self._limiter = None if per_minute is None else MovingWindowRateLimiter(MemoryStorage())

    @contextmanager
    def let_in(self, address: str) -> Iterator[None]:
        """Count a request for as long as the block takes, its waiting included.

        Raises:
            RequestFailure: There is no room, or the address has asked too often.
        """
        self._keep_pace(address)
        if self._inside >= self._room:
            raise _too_many(f"{self._inside} requests are being answered or wait, and there is no room for more", 1)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a turn, and keep it for as long as the block takes."""
        await self.take()
        try:
            yield
        finally:
            self.leave()

    async def take(self) -> None:
        """Wait for a turn; `leave` gives it back."""
        await self._places.acquire()

    def leave(self) -> None:
        """Give a turn to the next."""
        self._places.release()

    def _keep_pace(self, address: str) -> None:
        if self._limiter is None or self._pace is None or self._limiter.hit(self._pace, address):
            return
        free = self._limiter.get_window_stats(self._pace, address).reset_time
        wait = max(1, math.ceil(free - time.time()))
        raise _too_many(f"at most {self._pace.amount} requests in a minute are answered; go on in {wait} s", wait)


def _too_many(message: str, wait: int) -> RequestFailure:
    return RequestFailure(429, message, "rate_limit_exceeded", "rate_limit_error", headers={"Retry-After": str(wait)})
