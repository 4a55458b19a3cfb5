"""Lets calls in at the gates of their limits, when each gate has a place and its pace allows it.

A call passes all of its gates at once or waits at all of them, so no call holds one gate while it waits for another.
What happens (a call comes, leaves, corrects its tokens, an alarm rings) is put into a queue, and whichever thread finds
the lock free works the queue off. Nobody waits for the lock, so a call may also be given back by the garbage collector.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Self

from langgraph_moa.gates import Call, Gate, Lane, LaneKey, Way
from langgraph_moa.limits import Limit

_SETTLING_SECONDS = 0.02
_ROUNDING_SECONDS = 1e-6
_MANY = 256


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
        await self.enter()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()

    async def enter(self) -> None:
        """Wait for a place."""
        if not self._limits:
            return
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

    def leave(self) -> None:
        """Give the place back, from any thread."""
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
