"""Names that models and data sets bring along, made fit for a cell or an axis."""

from __future__ import annotations

import math
import re

from langgraph_moa.surrogates import well_formed

DASH = "\u2013"
"""Stands where a value is unknown."""
_TINY, _HUGE = 1e-4, 1e15
"""Outside, a number is written with an exponent."""
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]")


def one_line(text: str) -> str:
    """Return a text in one line, without control characters and marks that turn the direction of what follows."""
    visible = _CONTROLS.sub(lambda found: " " if found.group().isspace() else "", well_formed(text))
    return " ".join(visible.split())


def shortened(text: str, length: int) -> str:
    """Return a text in one line of at most `length` characters; what is cut is shown by an ellipsis."""
    line = one_line(text)
    return line if len(line) <= length else f"{line[: length - 1]}\u2026"


def number(value: float | None) -> str:
    """Write a number as a reader wants it: whole ones whole, others with four significant digits at most."""
    if value is None or not math.isfinite(value):
        return DASH
    if float(value).is_integer() and abs(value) < _HUGE:
        return f"{int(value):,}"
    rounded = float(f"{value:.4g}")
    if _TINY <= abs(rounded) < _HUGE:
        return f"{rounded:,.8f}".rstrip("0").rstrip(".")
    return f"{value:.3g}"
