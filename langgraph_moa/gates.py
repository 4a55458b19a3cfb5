"""What is known of a gate and of the calls that wait at it: one gate for each key of a limit.

Data and the rules of order; `admission` lets calls in.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import OrderedDict
from typing import NamedTuple

from langgraph_moa.limits import Limit

_BURST_SECONDS = 1.0
_MOST_PASSES = 16

LaneKey = tuple[asyncio.AbstractEventLoop, str, tuple[tuple[str, Limit], ...]]


class Pace:
    """When the next call is due at a steady rate, with bursts of a second's worth, but always of one call.

    Costs are in seconds at that rate, so calls with different rates can share a pace.
    """

    __slots__ = ("due",)

    def __init__(self) -> None:
        self.due = -math.inf

    def opens_at(self, cost: float) -> float:
        """Return when a call may start: with what was started before, it stays within the burst, or nothing is owed."""
        return self.due - max(0.0, _BURST_SECONDS - cost)

    def charge(self, cost: float, now: float) -> float:
        """Count a call that starts, and return until when its share lasts."""
        self.due = max(now, self.due) + cost
        return self.due

    def correct(self, difference: float, paid_until: float, now: float) -> None:
        """Count what a call has cost beyond its charge, or give back what it has not; time that is over stays lost."""
        if difference > 0:
            self.due = max(now, self.due) + difference
        else:
            self.due -= min(-difference, max(0.0, paid_until - now))


class Gate:
    """What is known of one key."""

    __slots__ = ("in_flight", "lanes", "last_model", "latest", "requests", "tokens", "waiting", "width")

    def __init__(self) -> None:
        self.in_flight = 0
        self.last_model: str | None = None
        self.requests, self.tokens = Pace(), Pace()
        self.lanes: dict[Lane, Way] = {}
        self.waiting: OrderedDict[int, Call] = OrderedDict()
        self.width = 0.0
        """The most calls in flight that anybody has allowed."""
        self.latest: list[int] = []
        """Heap of the highest numbers let in: as many as a call may be passed over."""

    def is_idle(self, now: float) -> bool:
        """Whether nothing is lost when this gate is forgotten, except which model it served last."""
        busy_until = max(self.requests.due, self.tokens.due)
        return not self.in_flight and not self.waiting and busy_until <= now

    def count(self, number: int) -> None:
        """Take note of a call that is let in."""
        if len(self.latest) < _MOST_PASSES:
            heapq.heappush(self.latest, number)
        else:
            heapq.heappushpop(self.latest, number)

    def has_made_wait(self, number: int) -> bool:
        """Whether as many calls as may have passed over a waiting one: as many higher numbers were let in."""
        return len(self.latest) == _MOST_PASSES and number < self.latest[0]

    def claimant(self, number: int) -> Call | None:
        """Return the oldest call that waits here and may not be passed over by the call of this number."""
        oldest = next(iter(self.waiting), number)
        return self.waiting[oldest] if oldest < number and self.has_made_wait(oldest) else None


class Way(NamedTuple):
    """How a call passes one of its gates."""

    gate: Gate
    limit: Limit

    def is_full(self, kept: int = 0) -> bool:
        """Whether there is no place beyond those that are kept for others."""
        return self.limit.concurrency is not None and self.gate.in_flight + kept >= self.limit.concurrency

    def opens_at(self, tokens: int) -> float:
        """Return when the pace allows a call."""
        at, limit = -math.inf, self.limit
        if limit.requests_per_minute is not None:
            at = max(at, self.gate.requests.opens_at(60 / limit.requests_per_minute))
        if limit.tokens_per_minute is not None:
            at = max(at, self.gate.tokens.opens_at(tokens * 60 / limit.tokens_per_minute))
        return at

    def enter(self, call: Call, now: float) -> float:
        """Take a place and pay; return until when the tokens are paid."""
        gate, limit = self.gate, self.limit
        gate.in_flight += 1
        gate.last_model = call.lane.model
        gate.count(call.number)
        if limit.requests_per_minute is not None:
            gate.requests.charge(60 / limit.requests_per_minute, now)
        if limit.tokens_per_minute is None:
            return now
        return gate.tokens.charge(call.tokens * 60 / limit.tokens_per_minute, now)

    def needs_settling(self, model: str) -> bool:
        """Whether a server that does one call at a time stands idle with another model than this one."""
        return self.limit.concurrency == 1 and not self.gate.in_flight and self.gate.last_model not in (None, model)


class Lane:
    """Waiting calls of one event loop that are alike: the same limits and the same model; they go in order."""

    __slots__ = ("__weakref__", "alarm", "alarm_at", "key", "loop", "model", "waiting", "ways")

    def __init__(self, key: LaneKey, ways: tuple[Way, ...]) -> None:
        self.key, self.ways = key, ways
        self.loop, self.model, _ = key
        self.waiting: OrderedDict[int, Call] = OrderedDict()
        self.alarm_at: float | None = None
        self.alarm: asyncio.TimerHandle | None = None
        """Belongs to the thread of the loop."""

    def first(self) -> Call:
        """Return the call that goes next."""
        return next(iter(self.waiting.values()))

    def is_warm(self) -> bool:
        """Whether no gate would change its model."""
        return all(gate.last_model in (None, self.model) for gate, _ in self.ways)

    def opens_at(self) -> float | None:
        """Return when the first call may enter; `None` while there is no place."""
        call = self.first()
        at = -math.inf if self.is_warm() else call.settles_at
        for way in self.ways:
            if way.is_full():
                return None
            at = max(at, way.opens_at(call.tokens))
        return at


class Call:
    """A call, from when it comes until it leaves."""

    __slots__ = ("at_once", "entered", "future", "lane", "number", "paid_until", "settles_at", "tokens")
    lane: Lane
    number: int

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.entered = self.at_once = False
        self.settles_at = -math.inf
        self.paid_until: list[float] = []

    def is_overdue(self) -> bool:
        """Whether as many later calls have entered one of its gates as may."""
        return any(gate.has_made_wait(self.number) for gate, _ in self.lane.ways)

    def rank(self) -> tuple[bool, bool, int]:
        """Return what sorts calls that could enter: the overdue, then those that change no model, each in order."""
        overdue = self.is_overdue()
        return not overdue, not overdue and not self.lane.is_warm(), self.number

    def kept_out_until(self) -> float | None:
        """Return when older calls that may not be passed over leave something for this one; `None` while no place.

        Such a call may wait at another of its gates: here one place and its turn in the pace are kept for it, no more.
        """
        at = -math.inf
        for gate, _ in self.lane.ways:
            older = gate.claimant(self.number)
            if older is not None:
                way = gate.lanes[older.lane]
                if way.is_full(kept=1):
                    return None
                at = max(at, way.opens_at(older.tokens))
        return at

    def wake(self, running: asyncio.AbstractEventLoop | None) -> bool:
        """Tell the call that it may enter; say whether its loop still exists."""
        if self.lane.loop is running:
            _resolve(self.future)
            return True
        try:
            self.lane.loop.call_soon_threadsafe(_resolve, self.future)
        except RuntimeError:
            return False
        return True


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
