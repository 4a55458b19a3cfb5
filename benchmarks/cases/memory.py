"""(k) What does a mixture hold while it waits?"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.bench import Bench
from benchmarks.protocol import Result
from benchmarks.reports import CaseReport, Column, Row
from benchmarks.trials import Arm, answered, arms, rows_of
from langgraph_moa.testing import Behaviour

_MIXTURES, _OVER_HTTP, _OF_PEERS = 1_000, 300, 50
_IN_PROCESS = "in process"
_DELAY, _OF_PEERS_DELAY = 3.0, 1.0
"""Seconds that every call takes: time for all mixtures to begin."""


def run(bench: Bench) -> CaseReport:
    """Have many mixtures wait for their models at the same time."""
    in_process = [Arm(contender=name, setting=_IN_PROCESS, depth=2) for name in ("moa", "gather", "fan_out")]
    measured = [*in_process, *arms(bench, "moa", "gather", "reference", depth=2)]
    return _report(rows_of(bench, measured, lambda arm: _figures(bench, arm)))


def _figures(bench: Bench, arm: Arm) -> Mapping[str, float | None]:
    """Measure a process that holds nothing of other jobs, whose memory it might use again."""
    worker, is_peer = bench.workers[arm.contender], arm.contender in bench.peers
    worker.restart()
    if arm.setting == _IN_PROCESS:
        job = arm.job(None, delay=_DELAY, **_many(bench, _MIXTURES))
        return _shares(answered(worker.run(job, seconds=120)), calls=None)
    with bench.provider.serving(Behaviour(delay=_OF_PEERS_DELAY if is_peer else _DELAY)) as url:
        job = arm.job(url, **_many(bench, _OF_PEERS if is_peer else _OVER_HTTP))
        result = answered(worker.run(job, seconds=60))
        return _shares(result, calls=bench.provider.peak_in_flight())


def _many(bench: Bench, mixtures: int) -> dict[str, int]:
    begun = 20 if bench.is_quick else mixtures
    return {"mixtures": begun, "concurrency": begun}


def _shares(result: Result, *, calls: int | None) -> Mapping[str, float | None]:
    memory, mixtures = result.memory, len(result.answers)
    return {
        "mixtures": float(mixtures),
        "calls in flight": None if calls is None else float(calls),
        "growth": None if memory is None else memory / 2**20,
        "a mixture": None if memory is None else memory / 2**10 / mixtures,
        "elapsed": result.elapsed,
    }


def _report(rows: list[Row]) -> CaseReport:
    return CaseReport(
        case="memory",
        title="Memory of mixtures in flight",
        setting=(
            f"6+1, all mixtures begun at once: {_MIXTURES} with models in process, {_OVER_HTTP} over HTTP, each call "
            f"{_DELAY:g} s; {_OF_PEERS} of peers, each call {_OF_PEERS_DELAY:g} s; each in a new process that has run "
            "one mixture before. Growth is that of the process's memory at its peak, clients and connections included. "
            "Calls in flight are the most that the provider was answering at the same time: a client that allows "
            "itself fewer connections lets the others wait in its own process."
        ),
        columns=[
            Column(name="mixtures", digits=0),
            Column(name="calls in flight", digits=0),
            Column(name="growth", unit="MB", digits=1),
            Column(name="a mixture", unit="KB", digits=1),
            Column(name="elapsed", unit="s", digits=1),
        ],
        rows=rows,
    )
