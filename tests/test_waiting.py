"""Claims about deadline, quorum and grace."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from langgraph_moa import Layer, Proposer, StopWhen, waiting
from langgraph_moa.proposal import Place
from langgraph_moa.savings import spared
from langgraph_moa.testing import ScriptedChatModel
from langgraph_moa.waiting import DeadlineExceeded, Latch, LayerBroken, QuorumReached, shared_latch, within


async def answer() -> str:
    """Answer at once."""
    return "answer"


def layer(quorum: int = 1, grace: float | None = 0.0, *, required: bool = False) -> Layer:
    """Return a layer of three slots, the last of which may be required."""
    proposers = [Proposer(ScriptedChatModel(), name=name, required=required and name == "c") for name in "abc"]
    return Layer(proposers, quorum=quorum, grace=grace, deadline=50)


async def test_a_call_in_time_gives_its_result() -> None:
    """What ends in time comes back."""
    assert await within(5, answer()) == "answer"


async def test_a_late_call_is_cancelled_before_the_error_comes() -> None:
    """When `DeadlineExceeded` is raised, the call has already been cancelled and has cleaned up."""
    cleaned = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    with pytest.raises(DeadlineExceeded):
        await within(0.01, slow())
    assert cleaned.is_set()


async def test_an_event_ends_the_wait() -> None:
    """An event that comes first ends the call as not needed."""
    gate = asyncio.Event()
    gate.set()
    with pytest.raises(QuorumReached):
        await within(5, asyncio.Event().wait(), unless=gate)


async def test_an_answer_beats_a_simultaneous_event() -> None:
    """A call that has ended is not thrown away because the event came too."""
    gate = asyncio.Event()

    async def answer_and_open() -> str:
        gate.set()
        return "answer"

    assert await within(5, answer_and_open(), unless=gate) == "answer"


async def test_errors_of_the_call_come_through() -> None:
    """What a call raises is raised, a `TimeoutError` of its own included."""

    async def fail() -> None:
        raise TimeoutError("the provider's own")

    with pytest.raises(TimeoutError, match="own"):
        await within(5, fail())


async def test_latch_closes_after_quorum_and_grace() -> None:
    """The latch closes when the quorum of usable answers is in, not before."""
    latch, recipe = Latch(layer(quorum=2)), layer(quorum=2)
    first, second, third = recipe.slots(1)
    latch.report(first.name, usable=True)
    latch.report(second.name, usable=False)
    await asyncio.sleep(0)
    assert not latch.closed.is_set()
    latch.report(third.name, usable=True)
    await asyncio.wait_for(latch.closed.wait(), 5)


async def test_latch_waits_for_required_slots() -> None:
    """A required slot holds the latch open until it has ended, well or badly."""
    recipe = layer(quorum=1, required=True)
    latch = Latch(recipe)
    first, _, required = recipe.slots(1)
    latch.report(first.name, usable=True)
    await asyncio.sleep(0)
    assert not latch.closed.is_set()
    latch.report(required.name, usable=False)
    await asyncio.wait_for(latch.closed.wait(), 5)


async def test_without_grace_the_latch_never_closes() -> None:
    """`grace=None` waits for every proposer."""
    recipe = layer(quorum=1, grace=None)
    latch = Latch(recipe)
    for slot in recipe.slots(1):
        latch.report(slot.name, usable=True)
    await asyncio.sleep(0)
    assert not latch.closed.is_set()


async def test_time_left_is_the_lesser_of_deadline_and_timeout() -> None:
    """A slot may take its own time where that is less than what is left of the layer's."""
    latch = Latch(layer())
    assert latch.remaining(3) == 3
    assert 0 < latch.remaining(None) <= 50
    assert latch.remaining(80) <= 50


async def test_one_latch_for_one_layer_of_one_run() -> None:
    """Slots that wait under the same key share a latch; under another key there is another."""
    recipe = layer()
    with (
        shared_latch(("run", "1"), recipe) as first,
        shared_latch(("run", "1"), recipe) as second,
        shared_latch(("run", "2"), recipe) as other,
    ):
        assert first is second
        assert first is not other


async def test_a_latch_stays_until_every_slot_has_reported() -> None:
    """A slot that starts after others have ended still finds their latch; a replay of the whole layer does not."""
    recipe = layer()
    latches = []
    for slot in recipe.slots(1):
        with shared_latch(("replayed",), recipe) as latch:
            latches.append(latch)
            latch.report(slot.name, usable=True)
    assert latches[0] is latches[1] is latches[2]
    with shared_latch(("replayed",), recipe) as latch:
        assert latch is not latches[0]


async def test_a_run_that_is_cut_off_leaves_no_latch() -> None:
    """When a slot is cancelled or raises, a resumed run has the layer's whole deadline again."""
    recipe = layer()
    with pytest.raises(asyncio.CancelledError), shared_latch(("cut",), recipe) as before:
        raise asyncio.CancelledError
    with shared_latch(("cut",), recipe) as after:
        assert after is not before


async def test_an_idle_latch_goes_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """A latch that nobody has waited at for long is not taken up again."""
    recipe = layer()
    with shared_latch(("idle",), recipe) as before:
        pass
    monkeypatch.setattr(waiting, "_IDLE_SECONDS", -1.0)
    with shared_latch(("idle",), recipe) as after:
        assert after is not before


def in_waves(first: int = 1) -> Layer:
    """Return a layer of three slots, of which so many are asked first."""
    return replace(layer(grace=None), stop_when=StopWhen(waves=[first]))


async def test_a_slot_waits_for_its_turn_until_the_wave_before_has_reported() -> None:
    """A slot of a later wave is asked when the wave before it has ended without agreement."""
    latch = Latch(in_waves())
    assert await latch.turn("a", None) is None
    later = asyncio.ensure_future(latch.turn("b", None))
    await asyncio.sleep(0)
    assert not later.done()
    latch.report("a", usable=True, text="4")
    assert await later is None


async def test_a_slot_is_told_why_it_is_not_asked() -> None:
    """A slot whose predecessors agree is told who agrees on what, also when it comes late."""
    latch = Latch(in_waves(2))
    early = asyncio.ensure_future(latch.turn("c", None))
    for slot in "ab":
        latch.report(slot, usable=True, text="It is 4")
    assert await early == "2 of 2 proposals give '4' (a, b)"
    assert await latch.turn("c", None) == await early


async def test_who_waits_for_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot whose predecessors never begin is asked after a while; one whose predecessor is at work waits on."""
    monkeypatch.setattr(waiting, "_IDLE_SECONDS", 0.01)
    assert await asyncio.wait_for(Latch(in_waves()).turn("b", None), 5) is None
    latch = Latch(in_waves())
    await latch.turn("a", None)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(latch.turn("b", None), 0.1)


async def test_nobody_waits_for_a_slot_that_has_broken_off() -> None:
    """Where a slot leaves its latch by an error, those that wait for it are told."""
    recipe = in_waves()

    async def wait() -> None:
        with shared_latch(("broken",), recipe) as latch:
            await latch.turn("b", None)

    later = asyncio.ensure_future(wait())
    with suppress(ValueError), shared_latch(("broken",), recipe) as latch:
        await latch.turn("a", None)
        await asyncio.sleep(0)
        raise ValueError
    with pytest.raises(LayerBroken):
        await later


async def test_who_comes_after_the_break_learns_of_it() -> None:
    """A slot that starts when another of its run has broken off waits for nobody; one of a later run begins anew."""
    recipe, this_run, later_run = in_waves(), lambda: None, lambda: None
    with suppress(ValueError), shared_latch(("late",), recipe, run=this_run):
        raise ValueError
    with shared_latch(("late",), recipe, run=this_run) as latch, pytest.raises(LayerBroken):
        await latch.turn("b", None)
    with shared_latch(("late",), recipe, run=later_run) as latch:
        latch.report("a", usable=False)
        assert await latch.turn("b", None) is None


async def test_what_agreed_before_a_crash_stays_agreed() -> None:
    """A slot that was spared before a crash spares the others when the run is resumed, whoever has answered."""
    latch = Latch(in_waves())
    latch.recall([spared(Place(1, 1, "b"), "scripted", "all agree")])
    assert await latch.turn("c", None) == "all agree"
