"""(c) Models that take no time: the processor time of a mixture."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.bench import Bench
from benchmarks.reports import CaseReport, Column, Target
from benchmarks.trials import Arm, arms
from benchmarks.turns import Turns, in_turn, processor_milliseconds, rows

_AIOHTTP = Arm(contender="gather", setting="over aiohttp", options={"transport": "aiohttp"})
_TIMES, _OF_PEERS, _MIXTURES, _SPARED = 7, 2, 30, 10


def run(bench: Bench) -> CaseReport:
    """Measure mixtures one after the other."""
    own = [Arm(contender=name) for name in ("moa", "gather", "fan_out")]
    mixtures = 3 if bench.is_quick else _MIXTURES
    inside = in_turn(
        bench, own, lambda arm: arm.job(None, mixtures=mixtures, warm_up=5), times=_TIMES, of_peers=0, seconds=60
    )
    everyone = arms(bench, "moa", "gather", _AIOHTTP, "fan_out", "reference")
    with bench.provider.serving() as url:
        over = in_turn(
            bench,
            everyone,
            lambda arm: arm.job(
                url, mixtures=min(mixtures, _SPARED) if arm.contender in bench.peers else mixtures, warm_up=3
            ),
            times=_TIMES,
            of_peers=_OF_PEERS,
            seconds=90,
        )
    return CaseReport(
        case="overhead",
        title="Processor time of a mixture whose models take none",
        setting=(
            f"6+6+1, zero latency, one after the other, {_MIXTURES} a turn ({_SPARED} of peers), {_TIMES} turns "
            f"({_OF_PEERS} of peers); ratios are medians of pairs. What a hand-written LangGraph graph with a node "
            "for every proposer takes is the fan-out's."
        ),
        columns=[
            Column(name="in process", unit="ms", digits=2),
            Column(name="of the gather's", unit="x", digits=2),
            Column(name="over HTTP", unit="ms", digits=1),
            Column(name="HTTP, of the gather's", unit="x", digits=2),
            Column(name="worst turn", unit="ms", digits=1),
        ],
        rows=rows(bench, everyone, lambda name: _values(name, inside, over), inside, over),
        targets=_targets(inside, over),
    )


def _values(name: str, inside: Turns, over: Turns) -> Mapping[str, float | None]:
    return {
        "in process": inside.median(name, processor_milliseconds),
        "of the gather's": inside.ratio(name, "gather", processor_milliseconds),
        "over HTTP": over.median(name, processor_milliseconds),
        "HTTP, of the gather's": over.ratio(name, "gather", processor_milliseconds),
        "worst turn": over.worst(name, processor_milliseconds),
    }


def _targets(inside: Turns, over: Turns) -> list[Target]:
    return [
        Target(
            what="in process / bare gather of no-op calls",
            measured=inside.ratio("moa", "gather", processor_milliseconds),
            bound=2.0,
            sense="at most",
        ),
        Target(
            what="over HTTP / bare gather of the same clients",
            measured=over.ratio("moa", "gather", processor_milliseconds),
            bound=1.15,
            sense="at most",
        ),
        Target(
            what="over HTTP / bare gather that was given the faster transport",
            measured=over.ratio("moa", _AIOHTTP.name, processor_milliseconds),
            bound=1.15,
            sense="at most",
        ),
    ]
