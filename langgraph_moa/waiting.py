"""How long a layer waits: deadline, quorum and grace, with cancellation that reaches the call."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any, TypeVar

from langgraph_moa.mixture import Layer, Slot

Result = TypeVar("Result")

LatchKey = tuple[str, ...]
_MOST_LATCHES = 4096
_latches: OrderedDict[LatchKey, Latch] = OrderedDict()


class DeadlineExceeded(Exception):  # noqa: N818 - not an error, a reason
    """The time was up before the call ended; the call was cancelled."""


class QuorumReached(Exception):  # noqa: N818 - not an error, a reason
    """The layer went on without this call; the call was cancelled."""


class Latch:
    """What the proposers of one layer in one run know of each other."""

    def __init__(self, layer: Layer) -> None:
        self.closed = asyncio.Event()
        self._started = time.monotonic()
        self._layer = layer
        self._usable = 0
        self._awaited = {slot.name for slot in layer.slots(1) if slot.proposer.required}

    def remaining(self, timeout: float | None) -> float:
        """Return the seconds that a call starting now may take; 0 when the layer's deadline has passed."""
        left = max(0.0, self._layer.deadline - (time.monotonic() - self._started))
        return left if timeout is None else min(left, timeout)

    def report(self, slot: Slot, *, usable: bool) -> None:
        """Count an ended call; with the quorum reached and every required slot ended, start the grace."""
        self._usable += usable
        self._awaited.discard(slot.name)
        grace = self._layer.grace
        if grace is not None and self._usable >= self._layer.quorum and not self._awaited:
            asyncio.get_running_loop().call_later(grace, self.closed.set)


def latch_for(key: LatchKey, layer: Layer) -> Latch:
    """Return the latch of a layer in a run; the first to ask makes it."""
    latch = _latches.get(key)
    if latch is None:
        latch = _latches[key] = Latch(layer)
        while len(_latches) > _MOST_LATCHES:
            _latches.popitem(last=False)
    return latch


async def within(seconds: float, call: Coroutine[Any, Any, Result], *, unless: asyncio.Event | None = None) -> Result:
    """Await a call for so long at most, or until an event; a call that is not wanted any more is cancelled for real.

    Raises:
        DeadlineExceeded: The seconds are over.
        QuorumReached: The event came first.
    """
    task = asyncio.ensure_future(call)
    gate = asyncio.ensure_future(unless.wait()) if unless is not None else None
    waiting = [task] if gate is None else [task, gate]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
    finally:
        for future in waiting:
            future.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    if gate is not None and unless is not None and unless.is_set():
        raise QuorumReached
    raise DeadlineExceeded
