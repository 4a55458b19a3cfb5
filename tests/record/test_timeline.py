"""Where calls stand on an axis."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.record import RunRecord
from langgraph_moa.record.timeline import _bar, ticks, timeline
from tests.record.records import telling_record, wide_record
from tests.record.test_run_record import RECORDS


@settings(max_examples=25)
@given(RECORDS)
def test_every_bar_lies_on_the_axis(record: RunRecord) -> None:
    """Whatever times a record holds, a bar begins and ends within the axis, and so does its mark."""
    laid_out = timeline(record)
    for row in laid_out.rows:
        if row.bar is not None:
            assert 0 <= row.bar.left <= row.bar.left + row.bar.width <= 100 + 1e-9
            assert row.bar.width > 0
            assert row.bar.first_token is None or 0 <= row.bar.first_token <= 100


@given(st.floats(1e-6, 1e9))
def test_an_axis_has_a_few_round_marks(seconds: float) -> None:
    """Marks begin at 0, are as far from each other as 1, 2 or 5 times a power of ten, and none lies behind the end."""
    marks = ticks(seconds)
    assert 2 <= len(marks) <= 7
    assert marks[0] == 0
    assert marks[-1] <= seconds * (1 + 1e-6)
    digit = marks[1] / 10 ** math.floor(math.log10(marks[1]) + 1e-9)
    assert min(abs(digit - round_one) for round_one in (1, 2, 5)) < 1e-6


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_call_as_long_as_its_run(began: float, first: float, length: float) -> None:
    """Times that rounding takes past the end of the axis do not: a bar begins at 0 and is no wider than the axis."""
    bar = _bar(began, first, began + length, began + length)
    assert bar is None or (bar.left >= 0 and bar.width <= 100)
    assert bar is None or bar.first_token is None or 0 <= bar.first_token <= 100


def test_an_axis_without_length_has_one_mark() -> None:
    """A run of no time has an axis with its beginning alone."""
    assert ticks(0.0) == (0.0,)


def test_each_call_has_a_row() -> None:
    """A retry and a hedge have rows of their own, behind the first call of their seat, and say what they are."""
    rows = timeline(telling_record()).rows
    assert [(row.slot, row.kind, row.fate) for row in rows[:5]] == [
        ("gpt-5-mini", "", "ok"),
        ("claude-haiku", "", "error"),
        ("claude-haiku", "attempt 2", "ok"),
        ("llama-70b", "", "cancelled"),
        ("llama-70b", "hedge, fallback 1, attempt 2", "ok"),
    ]
    assert rows[-1].bar is not None
    assert rows[-1].bar.first_token == pytest.approx(100 * (5.1 - 4.42) / (7.05 - 4.42))


def test_rows_are_in_the_order_of_the_seats() -> None:
    """Sixty-four proposers have as many rows, in configured order, with the aggregator last."""
    slots = [row.slot for row in timeline(wide_record()).rows]
    assert slots == [*(f"proposer_{number}" for number in range(1, 65)), "aggregator"]
