"""What is begun for the aggregator while the last layer still works: what does it buy?"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.bench import Bench
from benchmarks.protocol import Conversation, Job
from benchmarks.relay import slow_to_open
from benchmarks.reports import CaseReport, Column, Row, Target
from benchmarks.trials import AGGREGATOR, Arm, answered, ratio, value
from langgraph_moa.testing import Behaviour

_PROPOSERS, _FIRST_LAYER = ["m1", "m2", "m3"], 2.0
_TOKENS, _TOKENS_PER_SECOND = 8_000, 5_000.0
_OPENING, _TIMES = 0.2, 5
_READING = {
    **{name: Behaviour(delay=_FIRST_LAYER) for name in _PROPOSERS},
    AGGREGATOR: Behaviour(prompt_tokens_per_second=_TOKENS_PER_SECOND, prompt_cache=True),
}
_QUICK_LAYER = {name: Behaviour(delay=_FIRST_LAYER / 4) for name in _PROPOSERS}
_SHORT: Conversation = [{"role": "user", "content": "Why?"}]
_COLUMN = "behind the layer"


def run(bench: Bench) -> CaseReport:
    """Measure a long conversation, and a connection that takes long to open, with and without."""
    rows = [
        *(
            Row(contender=_named("a long conversation", warm_up), values=_prompt(bench, warm_up))
            for warm_up in (None, "prompt")
        ),
        *(
            Row(contender=_named(f"{whose} provider", warm_up), values=_connection(bench, warm_up, whose=whose))
            for whose in ("its own", "the proposers'")
            for warm_up in (None, "connection")
        ),
    ]
    return CaseReport(
        case="overlap",
        title="Overlap: what is begun early for the aggregator",
        setting=(
            f"3+1; seconds from the end of the layer to the first token of the answer, medians of {_TIMES}. A long "
            f"conversation: {_TOKENS:,} tokens, read at {_TOKENS_PER_SECOND:,.0f} a second by a provider that caches "
            f"prompts, while proposers take {_FIRST_LAYER:g} s. A provider of its own, or the proposers': a new "
            f"connection takes {_OPENING:g} s, a process that has none yet, and proposers take {_FIRST_LAYER / 4:g} s "
            "beside any connection of theirs."
        ),
        columns=[Column(name=_COLUMN, unit="s"), Column(name="worst", unit="s"), Column(name="requests", digits=1)],
        rows=rows,
        targets=[
            Target(
                what=f"{case}: with / without",
                measured=ratio(value(rows, _named(case, warm_up), _COLUMN), value(rows, _named(case, None), _COLUMN)),
                bound=0.5,
                sense="at most",
            )
            for case, warm_up in (("a long conversation", "prompt"), ("its own provider", "connection"))
        ],
    )


def _named(case: str, warm_up: str | None) -> str:
    return f"moa, {case}, {f'warm_up={warm_up!r}' if warm_up else 'without'}"


def _arm(warm_up: str | None, **options: object) -> Arm:
    return Arm(contender="moa", options={"aggregator": {} if warm_up is None else {"warm_up": warm_up}, **options})


def _conversation(number: int) -> Conversation:
    """Return one that begins like no other, so that nothing of it is in a cache."""
    return [{"role": "user", "content": " ".join(f"w{number}x{word}" for word in range(_TOKENS))}]


def _prompt(bench: Bench, warm_up: str | None) -> Mapping[str, float | None]:
    times = bench.repeat(_TIMES)
    with bench.provider.serving(**_READING) as url:
        job = _job(_arm(warm_up), url, [_conversation(number) for number in range(times + 1)])
        result = answered(bench.workers["moa"].run(job))
        requests = len(bench.provider.requests()) / (times + 1)
    return _figures(result.first_token[1:], _FIRST_LAYER, requests)


def _connection(bench: Bench, warm_up: str | None, *, whose: str) -> Mapping[str, float | None]:
    """Measure in a process that has run mixtures, over a relay that nobody has a connection to."""
    first: list[float | None] = []
    layer, is_own = _FIRST_LAYER / 4, whose == "its own"
    with bench.provider.serving(**_QUICK_LAYER) as url:
        answered(bench.workers["moa"].run(_job(_arm(None), url, [_SHORT])))
        for _ in range(bench.repeat(_TIMES)):
            with slow_to_open(url, _OPENING) as far:
                arm = _arm(warm_up, aggregator_url=far if is_own else None)
                result = answered(bench.workers["moa"].run(_job(arm, url if is_own else far, [_SHORT])))
            first += result.first_token
        requests = len(bench.provider.requests()) / (len(first) + 1)
    return _figures(first, layer if is_own else layer + _OPENING, requests)


def _job(arm: Arm, url: str, conversations: list[Conversation]) -> Job:
    return Job(
        layers=[_PROPOSERS],
        aggregator=AGGREGATOR,
        url=url,
        conversations=conversations,
        mixtures=len(conversations),
        warm_up=0,
        stream=True,
        options=dict(arm.options),
    )


def _figures(first: Sequence[float | None], before: float, requests: float) -> Mapping[str, float | None]:
    behind = [seconds - before for seconds in first if seconds is not None]
    return {
        _COLUMN: statistics.median(behind) if behind else None,
        "worst": max(behind, default=None),
        "requests": requests,
    }
