"""(d) Hundreds of mixtures at once: how many are done in a second?"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.bench import Bench
from benchmarks.reports import CaseReport, Column, Target
from benchmarks.trials import Arm, arms
from benchmarks.turns import Turns, in_turn, mixtures_per_second, processor_milliseconds, rows

_RARELY = {"collect_every": 10_000}
"""What the command line sets in its own process; Python's own figure is 700."""
_OURS_RARELY = Arm(contender="moa", setting="garbage collected rarely", options=_RARELY)
_GATHER_RARELY = Arm(contender="gather", setting="garbage collected rarely", options=_RARELY)
_AIOHTTP = Arm(contender="gather", setting="over aiohttp", options={"transport": "aiohttp"})
_AT_MANY = {"moa", _OURS_RARELY.name, "gather", _AIOHTTP.name}
_FEW, _MANY, _TIMES, _PATIENCE = 200, 500, 2, 90.0


def run(bench: Bench) -> CaseReport:
    """Begin all mixtures at once."""
    own = arms_of_this_environment(bench)
    few = _measured(bench, [*own, *(arm for arm in arms(bench) if arm.contender in bench.peers)], _FEW)
    many = _measured(bench, [arm for arm in own if arm.name in _AT_MANY], _MANY)
    everyone = [*own, *arms(bench)]
    return CaseReport(
        case="throughput",
        title="Hundreds of mixtures at once",
        setting=(
            f"6+6+1, zero latency, {_FEW} and {_MANY} mixtures begun at once, {_TIMES} turns (1 of peers, with "
            f"{_FEW}, within {_PATIENCE:g} s). Mixtures a second and the processor time of one, medians; ratios to the "
            "bare gather over default clients are medians of pairs. 'Garbage collected rarely' is Python's collector "
            f"with a first threshold of {_RARELY['collect_every']:,}, as the command line sets it."
        ),
        columns=[
            Column(name="at 200", unit="1/s", digits=1),
            Column(name="200, of the gather", unit="x", digits=2),
            Column(name="200, processor", unit="ms", digits=1),
            Column(name="at 500", unit="1/s", digits=1),
            Column(name="500, of the gather", unit="x", digits=2),
            Column(name="500, processor", unit="ms", digits=1),
        ],
        rows=rows(bench, everyone, lambda name: _values(name, few, many), few, many),
        targets=[
            Target(
                what=f"{arm}, {count} at once / bare gather over default clients",
                measured=turns.ratio(arm, "gather", mixtures_per_second),
                bound=1.5,
                sense="at least",
            )
            for arm in ("moa", _OURS_RARELY.name)
            for count, turns in ((_FEW, few), (_MANY, many))
        ],
    )


def arms_of_this_environment(bench: Bench) -> list[Arm]:
    """Return the arms without the peers."""
    named = arms(bench, "moa", _OURS_RARELY, "gather", _GATHER_RARELY, _AIOHTTP, "fan_out", "reference")
    return [arm for arm in named if arm.contender not in bench.peers]


def _measured(bench: Bench, measured: list[Arm], count: int) -> Turns:
    begun = 10 if bench.is_quick else count
    with bench.provider.serving() as url:
        return in_turn(
            bench,
            measured,
            lambda arm: arm.job(url, mixtures=begun, concurrency=begun),
            times=_TIMES,
            of_peers=1,
            seconds=_PATIENCE,
        )


def _values(name: str, few: Turns, many: Turns) -> Mapping[str, float | None]:
    return {
        "at 200": few.median(name, mixtures_per_second),
        "200, of the gather": few.ratio(name, "gather", mixtures_per_second),
        "200, processor": few.median(name, processor_milliseconds),
        "at 500": many.median(name, mixtures_per_second),
        "500, of the gather": many.ratio(name, "gather", mixtures_per_second),
        "500, processor": many.median(name, processor_milliseconds),
    }
