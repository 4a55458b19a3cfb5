"""Where calls wait for a place: one gate for each key of a limit, shared by every event loop and thread of the process.

A call passes all of its gates at once or waits at all of them, so no call holds one gate while it waits for another.
What happens (a call comes, leaves, corrects its tokens, an alarm rings) is put into a queue, and whichever thread finds
the lock free works the queue off. Nobody waits for the lock, so a call may also be given back by the garbage collector.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple, Self

from langgraph_moa.limits import Limit

_BURST_SECONDS = 1.0
_SETTLING_SECONDS = 0.02
_MOST_PASSES = 16
_ROUNDING_SECONDS = 1e-6
_MANY = 256

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

    __slots__ = ("held_until", "in_flight", "lanes", "last_model", "latest", "requests", "tokens", "waiting", "width")

    def __init__(self) -> None:
        self.in_flight = 0
        self.last_model: str | None = None
        self.held_until = -math.inf
        self.requests, self.tokens = Pace(), Pace()
        self.lanes: dict[Lane, Way] = {}
        self.waiting: OrderedDict[int, Call] = OrderedDict()
        self.width = 0.0
        """The most calls in flight that anybody has allowed."""
        self.latest: list[int] = []
        """Heap of the highest numbers let in: as many as a call may be passed over."""

    def is_idle(self, now: float) -> bool:
        """Whether nothing is lost when this gate is forgotten, except which model it served last."""
        busy_until = max(self.held_until, self.requests.due, self.tokens.due)
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
        """Return when the pace, and the provider's own wish, allow a call."""
        at, limit = self.gate.held_until, self.limit
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


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Gatehouse:
    """All gates, and the calls that wait at them.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._gates: dict[str, Gate] = {}
        self._lanes: dict[LaneKey, Lane] = {}
        self._events: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._forget_at = _MANY
        self._numbers = itertools.count()

    def post(self, event: Callable[[], None]) -> None:
        """Have an event worked off, here or by the thread that is at it."""
        self._events.append(event)
        while self._events and self._lock.acquire(blocking=False):
            try:
                while self._events:
                    self._events.popleft()()
            finally:
                self._lock.release()

    def come(self, call: Call, limits: Mapping[str, Limit], model: str) -> None:
        """Event: a call wants to enter."""
        now = self.clock()
        if len(self._gates) >= self._forget_at:
            self._forget(now)
        key: LaneKey = (call.future.get_loop(), model, tuple(limits.items()))
        lane = call.lane = self._lanes.get(key) or self._open(key)
        call.number = next(self._numbers)
        lane.waiting[call.number] = call
        for way in lane.ways:
            way.gate.waiting[call.number] = call
            if way.needs_settling(model):
                call.settles_at = now + _SETTLING_SECONDS
        if len(lane.waiting) == 1:
            self._let_in(lane, now)
            call.at_once = call.entered

    def leave(self, call: Call) -> None:
        """Event: a call has ended, or waits no more."""
        if call.entered:
            for gate, _ in call.lane.ways:
                gate.in_flight -= 1
        else:
            self._take_out(call)
        self._let_in(call.lane, self.clock())

    def settle(self, call: Call, tokens: int) -> None:
        """Event: it is known how many tokens a call has used."""
        now = self.clock()
        for way, paid_until in zip(call.lane.ways, call.paid_until, strict=True):
            rate = way.limit.tokens_per_minute
            if rate is not None:
                way.gate.tokens.correct((tokens - call.tokens) * 60 / rate, paid_until, now)
        self._let_in(call.lane, now)

    def hold(self, keys: Iterable[str], seconds: float) -> None:
        """Event: nobody may enter these gates for so long."""
        until = self.clock() + seconds
        for gate in (self._gates[key] for key in keys if key in self._gates):
            gate.held_until = max(gate.held_until, until)

    def _ring(self, lane: Lane) -> None:
        """Event: the time has come at which a call may enter."""
        lane.alarm_at = None
        self._let_in(lane, self.clock())

    def _let_in(self, lane: Lane, now: float) -> None:
        """Let in whoever can enter the gates of a lane, and then those of whom that lets in."""
        gates = {way.gate: None for way in lane.ways}
        while (call := self._next(gates, now)) is not None:
            gates.update((way.gate, None) for way in call.lane.ways)
            if not call.wake(_running_loop()):
                self._close(call.lane)
                continue
            call.entered = True
            call.paid_until = [way.enter(call, now) for way in call.lane.ways]
            self._take_out(call)

    def _next(self, gates: dict[Gate, None], now: float) -> Call | None:
        """Return the call to let in; where only time keeps one out, set an alarm."""
        ready = []
        for lane in {lane: None for gate in gates if gate.in_flight < gate.width for lane in gate.lanes}:
            if lane.loop.is_closed():
                self._close(lane)
                gates.update((way.gate, None) for way in lane.ways)
                return self._next(gates, now)
            at = lane.opens_at()
            if at is not None and self._is_time(lane, at, now):
                ready.append(lane.first())
        for call in sorted(ready, key=Call.rank) if len(ready) > 1 else ready:
            at = call.kept_out_until()
            if at is not None and self._is_time(call.lane, at, now):
                return call
        return None

    def _is_time(self, lane: Lane, at: float, now: float) -> bool:
        """Say whether it is so late, or set an alarm."""
        if at <= now + _ROUNDING_SECONDS:
            return True
        if lane.alarm_at is None or at < lane.alarm_at:
            self._set_alarm(lane, at)
        return False

    def _set_alarm(self, lane: Lane, at: float | None) -> None:
        lane.alarm_at = at
        with suppress(RuntimeError):  # the loop is closed
            lane.loop.call_soon_threadsafe(self._wind, lane)

    def _wind(self, lane: Lane) -> None:
        """Set the timer as the lane wants it now; in the thread of its loop."""
        if lane.alarm is not None:
            lane.alarm.cancel()
        at = lane.alarm_at
        ring = partial(self._ring, lane)
        lane.alarm = None if at is None else lane.loop.call_later(max(0.0, at - self.clock()), self.post, ring)

    def _open(self, key: LaneKey) -> Lane:
        _, _, limits = key
        for name, limit in limits:
            gate = self._gates.get(name)
            if gate is None:
                gate = self._gates[name] = Gate()
            gate.width = max(gate.width, limit.concurrency or math.inf)
        lane = self._lanes[key] = Lane(key, tuple(Way(self._gates[name], limit) for name, limit in limits))
        for way in lane.ways:
            way.gate.lanes[lane] = way
        return lane

    def _take_out(self, call: Call) -> None:
        """Let a call wait no more."""
        call.lane.waiting.pop(call.number, None)
        for gate, _ in call.lane.ways:
            gate.waiting.pop(call.number, None)
        if not call.lane.waiting:
            self._close(call.lane)

    def _close(self, lane: Lane) -> None:
        """Take a lane away that is empty, or whose loop is closed."""
        while lane.waiting:
            number, _ = lane.waiting.popitem()
            for gate, _ in lane.ways:
                gate.waiting.pop(number, None)
        if self._lanes.get(lane.key) is lane:
            del self._lanes[lane.key]
        for gate, _ in lane.ways:
            gate.lanes.pop(lane, None)
        if lane.alarm_at is not None:
            self._set_alarm(lane, None)

    def _forget(self, now: float) -> None:
        self._gates = {key: gate for key, gate in self._gates.items() if not gate.is_idle(now)}
        self._forget_at = max(_MANY, 2 * len(self._gates))


class Admission:
    """An asynchronous context manager, for one call: entering waits for a place, leaving gives it back.

    Args:
        house: Of the gates.
        limits: By the key of the gate.
        model: Calls for the model that a gate served last go first.
        tokens: Input and output, estimated.
    """

    __slots__ = ("_call", "_house", "_limits", "_model", "_settled", "_tokens", "waited")

    def __init__(self, house: Gatehouse, limits: Mapping[str, Limit], *, model: str, tokens: int) -> None:
        self.waited = 0.0
        self._house, self._limits, self._model, self._tokens = house, limits, model, max(0, tokens)
        self._call: Call | None = None
        self._settled = False

    async def __aenter__(self) -> Self:
        if not self._limits:
            return self
        house, call = self._house, Call(self._tokens)
        came_at = house.clock()
        house.post(partial(house.come, call, self._limits, self._model))
        try:
            if not call.future.done():
                await call.future
        except BaseException:
            house.post(partial(house.leave, call))
            raise
        finally:
            self.waited = 0.0 if call.at_once else house.clock() - came_at
        self._call = call
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._call is not None:
            self._house.post(partial(self._house.leave, self._call))

    def settle(self, tokens: int | None) -> None:
        """Correct the pace by what was really used; the first time counts, and `None` keeps the estimate."""
        if self._call is not None and tokens is not None and not self._settled:
            self._settled = True
            self._house.post(partial(self._house.settle, self._call, tokens))


_house = Gatehouse()


def _begin_again() -> None:
    """Forget in a forked child the calls of its parent; their objects keep to the house that they came to."""
    global _house  # noqa: PLW0603 - its lock may have been held when the process forked
    _house = Gatehouse()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_again)


def admission(limits: Mapping[str, Limit], *, model: str, tokens: int) -> Admission:
    """Return a context that is entered when every gate has a place and its pace allows the call.

    Calls are let in as they came, except that those for the model that a gate served last go first, so that a local
    server reloads as little as possible; nobody who could enter is passed over more than 16 times.

    Args:
        limits: By key, those that concern this call; without any it is let in at once.
        model: As its label says.
        tokens: Input and output, estimated; see `Admission.settle`.
    """
    return Admission(_house, limits, model=model, tokens=tokens)


def hold(keys: Iterable[str], seconds: float) -> None:
    """Let no call in for so long, since the provider has asked for it; gates that no call has come to are left out."""
    _house.post(partial(_house.hold, tuple(keys), seconds))
