"""(g) One call of ten fails: is there an answer, and does it hold answers only?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from benchmarks.bench import Bench
from benchmarks.errors_shown import error_marks
from benchmarks.quantiles import quantile
from benchmarks.references import prompt_of
from benchmarks.reports import CaseReport, Column, Row
from benchmarks.trials import AGGREGATOR, Arm, answered, arms, rows_of
from langgraph_moa.testing import Behaviour, RecordedRequest
from langgraph_moa.testing.faults import FAULTS, Fault

_LEFT_OUT = {"hang", "pings", "odd_tool_chunks", "no_usage", "wrong_model"}
"""Those that never end, which are a case of their own, and those that spoil no text."""
_KINDS = [fault for fault in FAULTS if fault not in _LEFT_OUT]
_RATE = 0.1
_FAULTY = {kind: _RATE / len(_KINDS) for kind in _KINDS}
_MIXTURES, _CONCURRENCY = 200, 25
_FALLBACK = "aggregator-fallback"
_ANSWER = "The answer is complete, from its first word to its very last."
_WITH_FALLBACK = Arm(
    contender="moa", setting="a fallback for the aggregator", options={"aggregator_fallbacks": [_FALLBACK]}
)


def run(bench: Bench) -> CaseReport:
    """Ask mixtures of a provider of which every model fails now and then."""
    measured = arms(bench, "moa", _WITH_FALLBACK, "gather", "fan_out", "reference")
    return _report(rows_of(bench, measured, lambda arm: _figures(bench, arm)))


def _figures(bench: Bench, arm: Arm) -> Mapping[str, float | None]:
    """Ask one mixture without faults first: what its prompt says of errors then is no failed call's."""
    worker = bench.workers[arm.contender]
    with _serving(bench, {}) as url:
        answered(worker.run(arm.job(url, warm_up=0), seconds=60))
        usual = max(map(error_marks, _prompts(bench.provider.requests())), default=0)
    mixtures = 10 if bench.is_quick else _MIXTURES
    with _serving(bench, _FAULTY) as url:
        job = arm.job(url, mixtures=mixtures, concurrency=_CONCURRENCY, warm_up=0)
        result = worker.run(job, seconds=90)
        requests = bench.provider.requests()
    given = [answer for answer in result.answers if answer and answer.strip()]
    return {
        "mixtures": float(mixtures),
        "answered": float(len(given)),
        "whole answers": float(sum(_ANSWER in answer for answer in given)),
        "answers with error text": float(sum(error_marks(answer) > 0 for answer in given)),
        "prompts with error text": float(sum(error_marks(prompt) > usual for prompt in _prompts(requests))),
        "calls": float(len(requests)),
        "p95": quantile(result.seconds, 0.95),
    }


def _serving(bench: Bench, faults: Mapping[Fault, float]) -> AbstractContextManager[str]:
    proposer = Behaviour(reply="A proposal of some words.", faults=faults, retry_after=0.2)
    aggregator = replace(proposer, reply=_ANSWER)
    return bench.provider.serving(proposer, **{AGGREGATOR: aggregator, _FALLBACK: aggregator})


def _prompts(requests: Sequence[RecordedRequest]) -> list[str]:
    """Return what the aggregators were sent."""
    return [prompt_of(request.body) for request in requests if request.model in {AGGREGATOR, _FALLBACK}]


def _report(rows: list[Row]) -> CaseReport:
    return CaseReport(
        case="faults",
        title="One call of ten fails",
        setting=(
            f"6+6+1, {_MIXTURES} mixtures, {_CONCURRENCY} at a time; {_RATE:.0%} of all calls, the aggregator's too, "
            f"meet a fault, each as likely as the next: {', '.join(_KINDS)}. Retry-After is 200 ms. Whole answers hold "
            "all that the aggregator said; error text is a provider's or a library's words about a failed call, in the "
            "answer or in a request to the aggregator."
        ),
        columns=[
            Column(name="mixtures", digits=0),
            Column(name="answered", digits=0),
            Column(name="whole answers", digits=0),
            Column(name="answers with error text", digits=0),
            Column(name="prompts with error text", digits=0),
            Column(name="calls", digits=0),
            Column(name="p95", unit="s"),
        ],
        rows=rows,
    )
