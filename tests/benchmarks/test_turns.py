"""Contenders measured in turn."""

from __future__ import annotations

from typing import Any, cast

from benchmarks.bench import Bench
from benchmarks.protocol import Job, Result
from benchmarks.trials import Arm
from benchmarks.turns import Turns, in_turn, mixture_seconds, mixtures_per_second, processor_milliseconds, rows
from benchmarks.workers import ContenderError


def result(seconds: float, processor: float = 0.0) -> Result:
    """Return the result of two mixtures."""
    return Result(
        seconds=[seconds, seconds],
        first_token=[None, None],
        answers=["a", "b"],
        errors=[None, None],
        elapsed=2 * seconds,
        processor=processor,
        memory=None,
    )


class Scripted:
    """A worker that takes longer each time, or fails from some turn on."""

    def __init__(self, seconds: float, fails_at: int | None = None) -> None:
        self.turns = 0
        self._seconds = seconds
        self._fails_at = fails_at

    def run(self, job: Job, *, seconds: float) -> Result:
        """Do a job."""
        self.turns += 1
        if self.turns == self._fails_at:
            raise ContenderError("broke at /home/somebody/x.py")
        return result(self._seconds * self.turns)


def bench(**workers: Scripted) -> Bench:
    """Return a run with these contenders, of which one is a peer."""
    return Bench(cast("Any", None), cast("Any", workers), {"absent": "not installed"})


def measured(run: Bench, times: int, of_peers: int) -> Turns:
    """Have every contender do a job."""
    arms = [Arm(contender=name) for name in run.workers]
    return in_turn(run, arms, lambda arm: arm.job(None), times=times, of_peers=of_peers, seconds=1)


def test_ratios_are_of_pairs() -> None:
    """A ratio compares what was measured in the same turn."""
    turns = measured(bench(moa=Scripted(2.0), gather=Scripted(1.0)), 3, 1)
    assert turns.ratio("moa", "gather", mixture_seconds) == 2.0
    assert turns.median("moa", mixture_seconds) == 4.0
    assert turns.worst("moa", mixture_seconds) == 6.0


def test_peers_take_fewer_turns() -> None:
    """A peer is asked as often as said for peers."""
    run = bench(moa=Scripted(1.0), peer=Scripted(1.0))
    turns = measured(run, 3, 1)
    assert {name: len(found) for name, found in turns.results.items()} == {"moa": 3, "peer": 1}


def test_one_that_fails_is_not_asked_again() -> None:
    """A contender that fails keeps its figures, has its error told without paths, and is left out from then on."""
    run = bench(moa=Scripted(1.0, fails_at=2))
    turns = measured(run, 4, 1)
    arms = [Arm(contender="moa")]
    told, absent = rows(run, arms, lambda name: {"s": turns.median(name, mixture_seconds)}, turns)
    assert cast("Any", run.workers["moa"]).turns == 2
    assert told.values == {"s": 1.0}
    assert told.error is not None
    assert "/home" not in told.error
    assert (absent.contender, absent.error) == ("absent", "not installed")


def test_what_is_measured() -> None:
    """Processor time is of one mixture, in milliseconds; mixtures a second are of the whole job."""
    assert processor_milliseconds(result(0.5, processor=0.1)) == 50.0
    assert mixtures_per_second(result(0.5)) == 2.0


def test_what_was_not_measured_is_unknown() -> None:
    """An arm without results has no figures."""
    turns = Turns()
    assert turns.median("moa", mixture_seconds) is None
    assert turns.worst("moa", mixture_seconds) is None
    assert turns.ratio("moa", "gather", mixture_seconds) is None
