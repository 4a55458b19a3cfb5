"""Names and numbers fit for a cell or an axis."""

from __future__ import annotations

import math
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langgraph_moa.evaluation.labels import number, one_line, shortened


@given(st.text())
@example("\x1b\x850")
def test_a_label_is_one_line_of_visible_text(text: str) -> None:
    """No control character, half character or mark that turns the direction is left, and nothing else is lost."""
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert not [letter for letter in line if unicodedata.category(letter) in {"Cc", "Cs"}]
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f") & set(line)
    assert one_line(line) == line
    assert [letter for letter in text if letter.isalnum()] == [letter for letter in line if letter.isalnum()]


def test_a_half_character_is_replaced() -> None:
    """What no encoder takes becomes U+FFFD."""
    assert one_line("a\ud800b") == "a\ufffdb"


@given(st.text(), st.integers(1, 50))
def test_a_label_is_cut_to_length(text: str, length: int) -> None:
    """It is never longer than asked for, and ends in an ellipsis only where something is missing."""
    label = shortened(text, length)
    assert len(label) <= length
    assert label == one_line(text) or label.endswith("…")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
        (0.0, "0"),
        (-0.0, "0"),
        (7, "7"),
        (1319, "1,319"),
        (0.5, "0.5"),
        (65.380, "65.38"),
        (0.00012345, "0.0001234"),
        (0.00001, "1e-05"),
        (1234.56, "1,235"),
        (-2.5, "-2.5"),
        (1e300, "1e+300"),
    ],
)
def test_numbers_are_written_short(value: float | None, written: str) -> None:
    """Whole numbers are whole, fractions have four digits at most, and what is unknown is a dash."""
    assert number(value) == written
