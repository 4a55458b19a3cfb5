"""Records to be shown: one as real runs make them, one that is wide, and one whose every text is hostile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langgraph_moa.proposal import Failure, Status, Usage
from langgraph_moa.record import RunRecord
from langgraph_moa.record.run_record import Call, Said, Seat, Stage
from langgraph_moa.summary import CostSummary, Missing, Timing

HOSTILE = (
    "</pre><script>alert(1)</script><img src='http://127.0.0.1:9/x' onerror=alert(2)>\"\N{RIGHT-TO-LEFT OVERRIDE}]]>"
    "\n```\n# | `\x00\x1b[31m"
)
QUESTION = "Which of the two pumps should the workshop order, and why?"
ASKED = (Said("system", "You advise a workshop."), Said("user", QUESTION))


def usage(read: int, written: int) -> Usage:
    """Return tokens."""
    return Usage(
        input_tokens=read, output_tokens=written, total_tokens=read + written, cached_tokens=None, reasoning_tokens=None
    )


def call(model: str, began: float, ended: float | None, **more: Any) -> Call:
    """Return a call that went well, unless `more` says otherwise."""
    told: dict[str, Any] = {"first_token": None, "outcome": "ok", "error": None, "saw": ASKED, "said": "fine"}
    return Call(model=model, started=began, finished=ended, **(told | more))


def seat(slot: str, layer: int | None, calls: Sequence[Call], *, status: Status | None = "ok", **more: Any) -> Seat:
    """Return a seat over the time of its calls."""
    told: dict[str, Any] = {"model": f"openai:{slot}", "served_model": None, "error": None, "first_token": None}
    took = {"usage": usage(210, 48), "cost": 0.0009} if status == "ok" else {"usage": None, "cost": None}
    told |= {"text": "fine" if status == "ok" else "", **took}
    times = {"started": min(one.started or 0.0 for one in calls), "finished": max(one.finished or 0.0 for one in calls)}
    return Seat(slot=slot, layer=layer, status=status, attempts=len(calls), calls=tuple(calls), **(told | times | more))


def record(stages: Sequence[Stage], **more: Any) -> RunRecord:
    """Return a record of a run that took as long as its last seat."""
    seconds = max(seat.finished or 0.0 for stage in stages for seat in stage.seats)
    told: dict[str, Any] = {"mixture": "workshop", "started_at": 1_790_000_000.0, "seconds": seconds}
    told |= {"messages": ASKED, "answer": "Order the second pump.", "error": None, "degraded": False, "missing": ()}
    told |= {"usage": usage(4210, 930), "timing": None}
    told |= {"cost": CostSummary(total=0.0184, unpriced=[], prices_date="2026-11-12")}
    return RunRecord(stages=tuple(stages), **(told | more))


def telling_record() -> RunRecord:
    """Return a run in which a call was retried, one hedged, one cancelled and one refused, and the answer streamed."""
    late = Failure(kind="QuorumReached", message="the layer went on without it")
    gone = Failure(kind="NotFoundError", message="Error code: 404, no such model")
    first = Stage(
        "layer 1",
        1,
        (
            seat("gpt-5-mini", 1, [call("openai:gpt-5-mini", 0.02, 1.31, said=_PROPOSALS[0])], text=_PROPOSALS[0]),
            seat(
                "claude-haiku",
                1,
                [
                    call("anthropic:claude-haiku", 0.02, 0.41, outcome="error", said="", error="RateLimitError: 429"),
                    call("anthropic:claude-haiku", 0.93, 2.05, attempt=2, said=_PROPOSALS[1]),
                ],
                text=_PROPOSALS[1],
                model="anthropic:claude-haiku",
            ),
            seat(
                "llama-70b",
                1,
                [
                    call("groq:llama-70b", 0.02, 1.62, outcome="cancelled", said=""),
                    call("together:llama-70b", 0.9, 1.62, hedge=True, fallback=1, attempt=2, said=_PROPOSALS[2]),
                ],
                text=_PROPOSALS[2],
                model="groq:llama-70b",
                served_model="llama-70b-turbo",
            ),
            seat(
                "qwen",
                1,
                [call("together:qwen", 0.02, 2.4, outcome="cancelled", said="")],
                status="cancelled",
                error=late,
            ),
            seat(
                "old",
                1,
                [call("openai:old", 0.02, 0.2, outcome="error", said="", error="404")],
                status="error",
                error=gone,
            ),
        ),
    )
    read = (*ASKED[:1], Said("user", f"{QUESTION}\n\n<references>...</references>"))
    second = Stage(
        "layer 2",
        2,
        tuple(
            seat(name, 2, [call(f"openai:{name}", 2.42, end, saw=read, said=text)], text=text)
            for name, end, text in zip(
                ("gpt-5-mini", "claude-haiku", "llama-70b"), (3.7, 4.4, 3.2), _PROPOSALS, strict=True
            )
        ),
    )
    last = call("openai:gpt-5", 4.42, 7.05, first_token=5.1, saw=read, said=_ANSWER)
    merged = seat("aggregator", None, [last], text=_ANSWER, model="openai:gpt-5", first_token=5.1)
    missing = tuple(
        Missing(layer=1, proposer=one.slot, model=one.model, status=one.status or "error", reason=one.error["message"])
        for one in first.seats
        if one.error is not None
    )
    timing = Timing(total=7.02, layers=[2.38, 1.98], aggregator=2.63, first_token=5.08)
    return record(
        [first, second, Stage("aggregator", None, (merged,))],
        answer=_ANSWER,
        degraded=True,
        missing=missing,
        timing=timing,
    )


def wide_record(slots: int = 64) -> RunRecord:
    """Return a run of a layer with many proposers."""
    text = "The second pump is quieter, and its seals can be had everywhere. " * 6
    seats = tuple(
        seat(f"proposer_{number}", 1, [call("openai:small", 0.01 * number, 1.0 + 0.05 * number, said=text)], text=text)
        for number in range(1, slots + 1)
    )
    merged = seat("aggregator", None, [call("openai:large", 4.4, 6.0, first_token=4.9)])
    return record([Stage("layer 1", 1, seats), Stage("aggregator", None, (merged,))])


def hostile_record() -> RunRecord:
    """Return a run whose every text tries to be more than text."""
    failure = Failure(kind=HOSTILE, message=HOSTILE)
    said = (Said(HOSTILE, HOSTILE), Said("user", HOSTILE))
    bad = call(HOSTILE, 0.0, 1.0, saw=said, said=HOSTILE, error=HOSTILE, outcome="error", within=HOSTILE)
    seats = (
        seat(HOSTILE, 1, [bad], text=HOSTILE, model=HOSTILE, served_model=HOSTILE, error=failure),
        seat("x" * 400, 1, [bad], model="y" * 400, text="z" * 5000),
    )
    missing = (Missing(layer=1, proposer=HOSTILE, model=HOSTILE, status="error", reason=HOSTILE),)
    return record(
        [Stage(HOSTILE, 1, seats)], mixture=HOSTILE, messages=said, answer=HOSTILE, error=failure, missing=missing
    )


_POWER = """Order pump B. It draws 40 % less power at the flow that you need, and its seals are a standard size.

Check first that the 3/4" inlet fits your manifold."""
_PRICE = """Both would do. Pump A is cheaper by 180 euros, but its maker gives one year of warranty where B has three; \
over the five years you plan for, B costs less."""
_PROPOSALS = (_POWER, _PRICE, "B: quieter (54 dB against 67 dB), and it may run dry for ten minutes.")
_ANSWER = """Order pump B.

1. Over five years it costs less, since it draws about 40 % less power and has three years of warranty.
2. It is quieter, 54 dB against 67 dB, and survives ten minutes of running dry.

Measure your manifold first: B has a 3/4" inlet."""
