"""(i) Do the proposals reach the aggregator as they were written?"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.bench import Bench
from benchmarks.deliveries import deliveries
from benchmarks.protocol import Job
from benchmarks.replies import HostileReply
from benchmarks.reports import CaseReport, Column, Row, Target
from benchmarks.trials import AGGREGATOR, Arm, answered, arms, ratio, rows_of, value
from benchmarks.workers import ContenderError
from langgraph_moa.testing import Behaviour

_SLOTS = ["m1", "m2", "m3", "m3", "m4", "m5"]
"""Two proposers ask the same model: each of its two answers is to arrive."""
_LAYER_BEFORE = [f"n{number}" for number in range(1, 7)]
_DEEP = Arm(contender="moa", setting="6+6+1")
_MIXTURES, _AT_ONCE = 20, 2
_ALL = "once, in order"


def run(bench: Bench) -> CaseReport:
    """Let every proposer answer with a text of its own, and look for it in what the aggregator was sent."""
    measured = arms(bench, "moa", _DEEP, "gather", "fan_out", "reference", "serial", depth=2)
    return _report(rows_of(bench, measured, lambda arm: _figures(bench, arm)))


def _figures(bench: Bench, arm: Arm) -> Mapping[str, float | None]:
    topics = [f"topic-{number}" for number in range(4 if bench.is_quick else _MIXTURES)]
    models = {name: Behaviour(reply=HostileReply(name), delay=0.02) for name in [*_LAYER_BEFORE, *_SLOTS]}
    with bench.provider.serving(Behaviour(reply="done"), **models) as url:
        job = Job(
            layers=[_LAYER_BEFORE, _SLOTS] if arm == _DEEP else [_SLOTS],
            aggregator=AGGREGATOR,
            url=url,
            conversations=[[{"role": "user", "content": f"What is there to say about {topic}?"}] for topic in topics],
            mixtures=len(topics),
            concurrency=_AT_ONCE,
            warm_up=0,
        )
        answered(bench.workers[arm.contender].run(job, seconds=60))
        bodies = [request.body for request in bench.provider.requests()]
    if not any(body.get("model") in _SLOTS for body in bodies):
        raise ContenderError("it asks none of the job's proposers: its shape is another one")
    found = deliveries(bodies, _SLOTS, AGGREGATOR, topics)
    expected = found.own.expected
    return {
        "proposals": float(expected),
        "byte-exact": ratio(found.own.exact, expected),
        "once": ratio(found.own.once, expected),
        _ALL: ratio(found.own.ordered, expected),
        "mixed requests": float(found.mixed),
    }


def _report(rows: list[Row]) -> CaseReport:
    return CaseReport(
        case="fidelity",
        title="Proposals that reach the aggregator as they were written",
        setting=(
            "6+1, two of the six asking the same model; every proposer answers with 2 kB of its own: numbered lists, "
            "quotes, braces, fences, tables, markup, several scripts, spaces at ends of lines. "
            f"{_MIXTURES} mixtures, {_AT_ONCE} at a time. Shares of the proposals of the last layer, found in the last "
            "request to the aggregator; the last column counts requests that hold another mixture's topic."
        ),
        columns=[
            Column(name="proposals", digits=0),
            Column(name="byte-exact"),
            Column(name="once"),
            Column(name=_ALL),
            Column(name="mixed requests", digits=0),
        ],
        rows=rows,
        targets=[
            *(
                Target(what=f"{name}: {_ALL}", measured=value(rows, name, _ALL), bound=1.0, sense="at least")
                for name in ("moa", _DEEP.name)
            ),
            Target(
                what="moa: requests that hold another mixture's topic",
                measured=value(rows, "moa", "mixed requests"),
                bound=0.0,
                sense="at most",
            ),
        ],
    )
