"""What comparisons amount to."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.evaluation.alpaca_eval import Comparison, summarize
from tests.evaluation.official import made_up_answers, write_gamed


def compared(*preferences: float | None, flipped: bool | None = False, **more: Any) -> list[Comparison]:
    """Return comparisons of outputs whose lengths differ."""
    return [
        Comparison(
            index=index,
            preference=preference,
            flipped=flipped,
            baseline_length=100,
            output_length=90 + index,
            date="2026-01-02",
            **more,
        )
        for index, preference in enumerate(preferences)
    ]


def test_ties_flips_and_unscored_are_counted_apart() -> None:
    """A draw is a tie, an unscored pair is neither tie nor loss, and lengths are of all."""
    found = summarize([*compared(1.0, 0.5, None), *compared(0.0, flipped=True)], gamed=None)
    assert (found.win_rate, found.ties, found.flips, found.unscored, found.count) == (50.0, 1, 1, 1, 4)
    assert (found.baseline_length, found.output_length) == (100.0, 90.75)
    assert any("1 of 4 comparisons are unscored" in remark for remark in found.remarks)


def test_one_order_has_no_flips() -> None:
    """Where every pair was asked in one order, flips are unknown, not 0."""
    assert summarize(compared(1.0, 0.0, flipped=None), gamed=None).flips is None


def test_nothing_scored_is_unknown() -> None:
    """Without a scored pair there is no rate of any kind, and the remarks say why."""
    found = summarize(compared(None, None, why="no probabilities"), gamed=None)
    assert (found.win_rate, found.interval, found.length_controlled, found.unscored) == (None, None, None, 2)
    assert "no probabilities" in found.remarks[-1]


def test_nothing_compared_is_unknown() -> None:
    """A run without any comparison has no rate and no lengths."""
    found = summarize([], gamed=None)
    assert (found.win_rate, found.output_length, found.count) == (None, None, 0)


def test_few_instructions_are_remarked(tmp_path: Path) -> None:
    """Below 400 instructions the length-controlled rate comes with its warning as a remark, and none is raised."""
    answers, gamed = made_up_answers(30), write_gamed(tmp_path / "df_gamed.csv", 30)
    found = [
        Comparison(index=index, preference=p, baseline_length=b, output_length=o, date="2026-01-02")
        for index, (p, b, o) in enumerate(zip(*answers, strict=True))
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summary = summarize(found[::-1], gamed=gamed)
    assert summary.length_controlled is not None
    assert 0 < summary.length_controlled < 100
    assert [remark for remark in summary.remarks if "4.2 points" in remark]


@pytest.mark.parametrize(("count", "why"), [(1, "all 1 answers"), (0, "all 0 answers")])
def test_why_there_is_no_controlled_rate(tmp_path: Path, count: int, why: str) -> None:
    """Where no length-controlled rate can be had, it is unknown and the remark says why; the raw one is there."""
    gamed = write_gamed(tmp_path / "df_gamed.csv", 5)
    found = summarize(compared(*[1.0] * count), gamed=gamed)
    assert (found.length_controlled, found.win_rate) == (None, 100.0 if count else None)
    assert why in found.remarks[0]


@given(st.none() | st.floats(0, 1), st.none() | st.text())
def test_a_comparison_survives_being_written(preference: float | None, why: str | None) -> None:
    """Read from its written form, a comparison equals the one that was written."""
    [comparison] = compared(preference, why=why)
    assert Comparison.from_dict(comparison.to_dict()) == comparison
