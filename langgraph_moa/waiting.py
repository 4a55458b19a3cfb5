"""How long a layer waits: deadline, quorum and grace, with cancellation that reaches the call."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import weakref
from collections.abc import Collection, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from langgraph_moa.mixture import Layer
from langgraph_moa.proposal import Proposal, is_usable
from langgraph_moa.savings import agreed_before
from langgraph_moa.waves import Waves

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

LatchKey = tuple[str, ...]
_CLEANUP_SECONDS = 1.0
_IDLE_SECONDS = 10.0
_LATE_SECONDS = 2.0
"""Beyond its deadline, in which the slots of a layer have ended: who then still waits for one waits for nobody."""
_MANY = 1024
_latches: dict[LatchKey, Latch] = {}
_lock = threading.Lock()


class DeadlineExceeded(Exception):  # noqa: N818 - not an error, a reason
    """The time was up before the call ended; the call was cancelled.

    Args:
        seconds: That it had.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class QuorumReached(Exception):  # noqa: N818 - not an error, a reason
    """The layer went on without this call; the call was cancelled."""


class LayerBroken(Exception):  # noqa: N818 - not an error, a reason
    """A slot of the layer has ended without a report: a person is asked, or the run has failed."""


class Latch:
    """What the proposers of one layer in one run know of each other.

    Args:
        layer: Of the slots.
        is_structured: Whether proposals are JSON values.
        run: Something that only the tasks of one run share; `None`: nothing is known of the run.
        is_accompanied: Whether a node works beside the slots, and ends with them.
    """

    def __init__(
        self, layer: Layer, *, is_structured: bool = False, run: object = None, is_accompanied: bool = False
    ) -> None:
        self.closed = asyncio.Event()
        """Set when the stragglers of the running wave are not waited for any more; another one for each wave."""
        self.ended = asyncio.Event()
        """Set when every slot has reported, or one has ended without a report."""
        self._is_accompanied = is_accompanied
        self._absent: frozenset[str] = frozenset()
        """Slots that an earlier run has finished."""
        self.telling = asyncio.Lock()
        """Held while the plan of the run is told: no slot begins before that."""
        self._layer = layer
        self._started: float | None = None
        self._usable = 0
        self._usable_of_wave = 0
        self._waves = Waves(layer, is_structured=is_structured)
        self._news = asyncio.Event()
        """Set, and replaced, when a slot that waits for its turn has something to look at."""
        self._early: set[str] = set()
        """Slots that wait for their turn."""
        self._at_work: set[str] = set()
        self._run = None if run is None else weakref.ref(run)
        self._is_broken = False
        self._outstanding = {slot.name for slot in layer.slots(1)}
        self._awaited = {slot.name for slot in layer.slots(1) if slot.proposer.required}
        self._waiting = 0
        self._recalled = False
        self._told = False
        self._left_at = time.monotonic()

    def remaining(self, timeout: float | None) -> float:
        """Return the seconds that a call starting now may take; 0 when the layer's deadline has passed.

        The first call starts the layer's clock: what was loaded before is no model's time.
        """
        if self._started is None:
            self._started = time.monotonic()
        left = max(0.0, self._layer.deadline - (time.monotonic() - self._started))
        return left if timeout is None else min(left, timeout)

    @property
    def closing(self) -> asyncio.Event | None:
        """`closed`; `None` where a layer without grace waits for everybody: nobody then needs to watch for it."""
        return None if self._layer.grace is None else self.closed

    def must_tell(self) -> bool:
        """Say, to the first that asks, that it is to tell the plan of the run."""
        told, self._told = self._told, True
        return not told

    def must_recall(self) -> bool:
        """Say, to the first that asks, whether what a crashed run had finished can matter: to a quorum, or a wave."""
        asked, self._recalled = self._recalled, True
        return not asked and (self._layer.grace is not None or self._layer.stopping is not None)

    def recall(self, finished: Sequence[Proposal]) -> None:
        """Count what the layer had before this run resumed it, so that quorum and agreement survive a crash."""
        for why in filter(None, map(agreed_before, finished)):
            self._waves.keep(why)
        for proposal in finished:
            if proposal["proposer"] in self._outstanding:
                self.report(proposal["proposer"], usable=is_usable(proposal), text=proposal["text"])
        self._tell()

    async def turn(self, slot: str, places: int | None) -> str | None:
        """Wait until a slot is to be asked, or not to be asked any more: then return why.

        Args:
            slot: Its name.
            places: Slots that can be at work, or wait here, at a time; `None`: all.

        Raises:
            LayerBroken: A slot that is waited for will not report in this run.
        """
        until = time.monotonic() + self._layer.deadline + _LATE_SECONDS
        self._early.add(slot)
        try:
            while not self._waves.is_turn(slot) and self._waves.agreed is None:
                if self._is_broken:
                    raise LayerBroken
                self._make_room(places)
                await self._hear(slot, until - time.monotonic())
        finally:
            self._early.discard(slot)
        if not self._waves.is_turn(slot):
            return self._waves.agreed
        self._at_work.add(slot)
        return None

    def abandon(self) -> None:
        """Let nobody wait for a slot that has ended without a report."""
        self._is_broken = True
        self.ended.set()
        self._tell()

    def _make_room(self, places: int | None) -> None:
        """Ask one slot ahead of its turn where those that wait hold every place, and who they wait for cannot begin."""
        if places is None or len(self._early) < places:
            return
        ahead = next(slot.name for slot in self._layer.slots(1) if slot.name in self._early)
        logger.warning(
            "%s is asked before its turn: max_concurrency is %d, and a layer that stops when its proposals agree needs "
            "a place for each of its %d slots",
            *(ahead, places, len(self._layer.slots(1))),
        )
        self._early.discard(ahead)
        self._waves.ask_ahead(ahead)
        self._tell()

    async def _hear(self, slot: str, seconds: float) -> None:
        """Wait for news; a slot is asked where nobody that it waits for is at work: they are of no run, or another."""
        news = self._news
        if self._waves.is_turn(slot):
            return
        try:
            await asyncio.wait_for(news.wait(), max(0.0, min(seconds, _IDLE_SECONDS)))
        except TimeoutError:
            if not self._at_work or seconds <= _IDLE_SECONDS:
                self._waves.ask_ahead(slot)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def report(self, slot: str, *, usable: bool, text: str = "") -> None:
        """Count an ended call; with the quorum reached and every required slot ended, start the grace of its wave."""
        self._usable += usable
        self._usable_of_wave += usable
        self._at_work.discard(slot)
        self._outstanding.discard(slot)
        self._awaited.discard(slot)
        if self._outstanding.issubset(self._absent):
            self.ended.set()
        if self._waves.report(slot, text if usable else None):
            self.closed, self._usable_of_wave = asyncio.Event(), 0
            self._tell()
            return
        grace, is_enough = self._layer.grace, self._usable >= self._layer.quorum and self._usable_of_wave
        if grace is not None and is_enough and not self._awaited:
            asyncio.get_running_loop().call_later(grace, self.closed.set)

    @contextmanager
    def accompany(self, finished: Collection[str]) -> Iterator[None]:
        """Work beside the slots, until `ended` is set.

        Args:
            finished: Slots that an earlier run has finished, and that will not report in this one.
        """
        if self._outstanding.issubset(finished):
            self.ended.set()
        self._absent = frozenset(finished)
        try:
            yield
        finally:
            self._is_accompanied = False

    @property
    def is_done(self) -> bool:
        """Whether every slot has reported, and the node beside them has come and gone."""
        return not self._outstanding and not self._is_accompanied

    def is_of(self, run: object) -> bool:
        """Say whether it is known to be of a run."""
        return self._run is not None and self._run() is run

    def is_over(self, run: object) -> bool:
        """Say whether a slot of a run needs another one: this one ended in an earlier run, or nobody waits here."""
        return self.is_stale or (self.ended.is_set() and not self.is_of(run))

    @property
    def is_stale(self) -> bool:
        """Whether no slot has waited for long: what starts now belongs to a later run from the same checkpoint."""
        return not self._waiting and time.monotonic() - self._left_at > _IDLE_SECONDS

    def enter(self) -> None:
        """Count a slot that begins to wait."""
        self._waiting += 1

    def leave(self) -> None:
        """Count a slot that waits no more."""
        self._waiting -= 1
        self._left_at = time.monotonic()


@contextmanager
def shared_latch(
    key: LatchKey, layer: Layer, *, is_structured: bool = False, run: object = None, is_accompanied: bool = False
) -> Iterator[Latch]:
    """Give the slots of a layer in a run one latch, from the first that starts to the last that reports.

    A slot that is cancelled from outside, or raises, ends the run: a resumed one begins with a latch of its own, and a
    slot of the same run that starts only then learns of it from the broken one.

    Args:
        key: Of the layer, and of the checkpoint that runs start from.
        layer: For a new latch.
        is_structured: For a new latch: whether proposals are JSON values.
        run: Something that only the tasks of one run share; `None`: nothing is known of the run.
        is_accompanied: For a new latch: whether a node works beside the slots.
    """
    with _lock:
        latch = _latches.get(key)
        if latch is None or latch.is_over(run):
            if len(_latches) >= _MANY:
                _drop_stale()
            latch = _latches[key] = Latch(layer, is_structured=is_structured, run=run, is_accompanied=is_accompanied)
        latch.enter()
    ended = True
    try:
        yield latch
        ended = latch.is_done
    except BaseException:
        latch.abandon()
        ended = not latch.is_of(run)
        raise
    finally:
        with _lock:
            latch.leave()
            if ended and _latches.get(key) is latch:
                del _latches[key]


def _drop_stale() -> None:
    for key in [key for key, latch in _latches.items() if latch.is_stale]:
        del _latches[key]


def _forget(call: asyncio.Future[Any]) -> None:
    """Take note of how a cancelled call ended, so that asyncio does not report it as overlooked."""
    if not call.cancelled():
        call.exception()


async def end_all(calls: Collection[asyncio.Future[Any]]) -> None:
    """Cancel calls and wait until they have ended, a second at most: what takes longer is left behind."""
    for call in calls:
        call.cancel()
        call.add_done_callback(_forget)
    if not all(call.done() for call in calls):
        await asyncio.wait(calls, timeout=_CLEANUP_SECONDS)


async def within(seconds: float, call: Coroutine[Any, Any, Result], *, unless: asyncio.Event | None = None) -> Result:
    """Await a call for so long at most, or until an event; a call that is not wanted any more is cancelled for real.

    A cancelled call has a second to close its connection; one that takes longer, or ignores it, is left behind.

    Raises:
        DeadlineExceeded: The seconds are over; a call with none left is not begun.
        QuorumReached: The event came first.
    """
    if seconds <= 0:
        call.close()
        raise DeadlineExceeded(seconds)
    task = asyncio.ensure_future(call)
    gate = asyncio.ensure_future(unless.wait()) if unless is not None else None
    waiting = [task] if gate is None else [task, gate]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
    finally:
        await end_all(waiting)
    if gate is not None and unless is not None and unless.is_set():
        raise QuorumReached
    raise DeadlineExceeded(seconds)
