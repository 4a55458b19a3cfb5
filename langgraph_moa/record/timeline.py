"""When each call of a run began and ended, laid out on one axis. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from langgraph_moa.record.run_record import RunRecord, Seat, Stage
from langgraph_moa.record.wording import kind_of

Fate = Literal["ok", "error", "cancelled", "open"]
"""`open`: it had not ended when the record was made."""
_SHORTEST_AXIS = 1e-6
"""Seconds; no clock tells less."""
_MOST_TICKS = 5
_LEAST_WIDTH = 0.4
"""Percent of the axis, so that the shortest call is seen."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Where a call stands on the axis, in percent of its length."""

    left: float
    width: float
    first_token: float | None
    """Share of the bar's own width, in percent."""


@dataclass(frozen=True, slots=True)
class Row:
    """One call, or a seat that told of none."""

    stage: str
    slot: str
    kind: str
    """Empty for a seat's first call; `attempt 2`, `hedge`, `fallback 1` and the like for others."""
    model: str
    fate: Fate | None
    """`None`: nothing is known."""
    started: float | None
    first_token: float | None
    finished: float | None
    bar: Bar | None
    """`None`: no time is known."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows over one axis."""

    seconds: float
    """Length of the axis."""
    ticks: tuple[float, ...]
    """Seconds at which it is marked, from 0 on."""
    rows: tuple[Row, ...]


def timeline(record: RunRecord) -> Timeline:
    """Return every call of a run, stage by stage, seat by seat."""
    ends = [call.finished for stage in record.stages for seat in stage.seats for call in seat.calls]
    ends += [seat.finished for stage in record.stages for seat in stage.seats]
    seconds = max([record.seconds or 0.0, *(end for end in ends if end is not None)])
    rows = [row for stage in record.stages for seat in stage.seats for row in _rows(stage, seat, seconds)]
    return Timeline(seconds, ticks(seconds), tuple(rows))


def ticks(seconds: float) -> tuple[float, ...]:
    """Return round marks from 0 to the end of an axis, two to six of them; 0 alone where it has no length."""
    if seconds < _SHORTEST_AXIS:
        return (0.0,)
    power = 10.0 ** math.floor(math.log10(seconds / _MOST_TICKS))
    step = next(each * power for each in (1, 2, 5, 10) if each * power * _MOST_TICKS >= seconds)
    return tuple(step * number for number in range(int(seconds / step + 1e-9) + 1))


def _rows(stage: Stage, seat: Seat, seconds: float) -> list[Row]:
    if not seat.calls:
        fate: Fate | None = None if seat.started is None else "ok" if seat.status == "ok" else "error"
        bar = _bar(seat.started, seat.first_token, seat.finished, seconds)
        times = (seat.started, seat.first_token, seat.finished)
        return [Row(stage.title, seat.slot, "", seat.model, fate, *times, bar)]
    return [
        Row(
            stage=stage.title,
            slot=seat.slot,
            kind=kind_of(call, seat.calls),
            model=call.model,
            fate=call.outcome or ("open" if call.started is not None else None),
            started=call.started,
            first_token=call.first_token,
            finished=call.finished,
            bar=_bar(call.started, call.first_token, call.finished, seconds),
        )
        for call in seat.calls
    ]


def _bar(started: float | None, first_token: float | None, finished: float | None, seconds: float) -> Bar | None:
    """Return the bar of a call; one that has not ended reaches the end of the axis."""
    if started is None or seconds <= 0:
        return None
    # Shares are divided first, since a quotient of what is no larger is rounded to 1 at most; 100 times it is not.
    begin = min(max(started, 0.0), seconds)
    end = seconds if finished is None else min(max(finished, begin), seconds)
    width = max(100 * ((end - begin) / seconds), _LEAST_WIDTH)
    left = min(100 * (begin / seconds), 100 - width)
    share = None
    if first_token is not None and end > begin:
        share = 100 * (min(max(first_token - begin, 0.0), end - begin) / (end - begin))
    return Bar(left, width, share)
