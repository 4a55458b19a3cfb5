"""How a record is worded, alike in Markdown and on a page."""

from __future__ import annotations

from datetime import UTC, datetime

from langgraph_moa.proposal import Status, Usage
from langgraph_moa.record.run_record import Call, Outcome, RunRecord, Seat

UNKNOWN = "\N{EN DASH}"
_STATUSES: dict[Status | None, tuple[str, str]] = {
    "ok": ("✓", "answered"),
    "error": ("✗", "failed"),
    "timeout": ("◷", "timed out"),
    "cancelled": ("⊘", "cancelled"),
    "empty": ("∅", "empty"),
    "refused": ("⊝", "refused"),
    "skipped": (UNKNOWN, "not asked"),
    None: ("…", "not ended"),
}
_OUTCOMES: dict[Outcome | None, str] = {"ok": "ok", "error": "failed", "cancelled": "cancelled", None: "not ended"}
_STOPPED = {"CancelledError", "GeneratorExit", "KeyboardInterrupt"}
"""Kinds of error that say that nobody waited for the run any more."""
_SMALLEST_COST = 0.0001
_MINUTE = 60.0


def status_words(seat: Seat) -> str:
    """Return a sign and a word for how a seat ended."""
    return " ".join(_STATUSES[seat.status])


def status_sign(seat: Seat) -> str:
    """Return a sign for how a seat ended."""
    return _STATUSES[seat.status][0]


def status_word(seat: Seat) -> str:
    """Return a word for how a seat ended."""
    return _STATUSES[seat.status][1]


def outcome_word(outcome: Outcome | None) -> str:
    """Return a word for how a call ended."""
    return _OUTCOMES[outcome]


def verdict(record: RunRecord) -> str:
    """Return one sentence on how the run ended."""
    if record.error is not None:
        was_stopped = record.error["kind"] in _STOPPED
        return "The run was cancelled." if was_stopped else f"The run failed: {record.error['kind']}."
    if record.seconds is None:
        return "The run had not ended when this record was made."
    if record.answer is None:
        return "The run gave no answer: it waits for somebody, or asked proposers alone."
    if record.degraded:
        missing = len(record.missing)
        return "Answered, degraded" + (
            f": {missing} planned proposal{'s' * (missing != 1)} missing." if missing else "."
        )
    spared = sum(seat.status == "skipped" for stage in record.stages for seat in stage.seats)
    return "Answered, no proposal missing" + (f", {spared} not needed." if spared else ".")


def in_seconds(value: float | None) -> str:
    """Return a duration with three digits or so."""
    if value is None:
        return UNKNOWN
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < _MINUTE else f"{value:.0f} s"


def duration(began: float | None, ended: float | None) -> str:
    """Return the time between two moments."""
    return UNKNOWN if began is None or ended is None else in_seconds(max(0.0, ended - began))


def in_dollars(value: float | None) -> str:
    """Return US dollars with four digits behind the point, or how little it was."""
    if value is None:
        return UNKNOWN
    return f"< ${_SMALLEST_COST}" if 0 < value < _SMALLEST_COST else f"${value:,.4f}"


def total_cost(record: RunRecord) -> str:
    """Return what is known of the cost of a run, and whether that is all."""
    if record.cost is None or record.cost["total"] is None:
        return UNKNOWN
    return in_dollars(record.cost["total"]) + (" and what has no price" if record.cost["unpriced"] else "")


def in_tokens(usage: Usage | None) -> str:
    """Return the tokens that were read and written."""
    if usage is None:
        return UNKNOWN
    return f"{_count(usage['input_tokens'])} in, {_count(usage['output_tokens'])} out"


def moment(record: RunRecord) -> str:
    """Return when the run began, in UTC."""
    return f"{datetime.fromtimestamp(record.started_at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def model_of(seat: Seat) -> str:
    """Return the model that was asked for and, where it differs, the one that answered."""
    served = seat.served_model
    is_same = served is None or seat.model.endswith(served)
    return seat.model if is_same else f"{seat.model} (answered: {served})"


def kind_of(call: Call, calls: tuple[Call, ...]) -> str:
    """Return what a call is among those of its seat: empty for the first, else `attempt 2`, `hedge` and the like.

    Args:
        call: One of them.
        calls: All of the seat, in the order in which they began.
    """
    same = [other for other in calls if (other.attempt, other.within, other.hedge) == _identity(call)]
    step = next(position for position, other in enumerate(same, start=1) if other is call)
    words = [
        call.within or "",
        "hedge" if call.hedge else "",
        f"fallback {call.fallback}" if call.fallback else "",
        f"attempt {call.attempt}" if (call.attempt or 1) > 1 else "",
        f"step {step}" if step > 1 else "",
    ]
    return ", ".join(word for word in words if word)


def _identity(call: Call) -> tuple[int | None, str | None, bool]:
    return call.attempt, call.within, call.hedge


def _count(tokens: int | None) -> str:
    return UNKNOWN if tokens is None else f"{tokens:,}"
