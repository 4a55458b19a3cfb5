"""Plain text in columns."""

from __future__ import annotations

from langgraph_moa.cli.columns import in_columns


def test_columns_are_aligned() -> None:
    """Text stands to the left, numbers to the right, and an unknown number is a dash."""
    assert in_columns(["name", "calls"], [["a", 7], ["longer", None]]).splitlines() == [
        "name    calls",
        "a           7",
        "longer      -",
    ]
