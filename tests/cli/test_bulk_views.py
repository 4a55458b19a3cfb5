"""How a run of many jobs is shown."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from langgraph_moa.cli.bulk_views import Bar, Lines, standing_line, watcher_for
from langgraph_moa.evaluation.runs import Standing


def standing(**given: Any) -> Standing:
    """Return a standing in the middle of a run."""
    usual = {"made": 30, "reused": 10, "failed": 0, "in_flight": 2, "total": 100, "spent": 0.12345, "seconds": 15.0}
    return Standing(**{**usual, **given})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "40/100, 2.0/s, $0.1235, 30 s left"),
        ({"failed": 2, "seconds": 16.0}, "42/100, 2 failed, 2.0/s, $0.1235, 29 s left"),
        ({"total": None, "spent": None}, "40, 2.0/s"),
        ({"made": 3, "seconds": 60.0}, "13/100, 20.0 s each, $0.1235, 29 min 00 s left"),
        ({"made": 1, "seconds": 90.0}, "11/100, 90.0 s each, $0.1235, 2 h 13 min left"),
        ({"made": 0, "reused": 0, "spent": None, "seconds": 0.0}, "0/100"),
    ],
)
def test_a_line_says_how_far_it_is(given: dict[str, Any], said: str) -> None:
    """Done of all, failures, rate, dollars and time left are told as far as they are known."""
    assert standing_line(standing(**given)) == said


def test_lines_come_now_and_then() -> None:
    """Without a terminal there is a line every ten seconds, and not one for each job."""
    said: list[str] = []
    lines = Lines(said.append)
    for tenths in range(310):
        lines.note(standing(seconds=tenths / 10))
    lines.close()
    assert len(said) == 3
    assert said[0].startswith("moa: 40/100, ")


def test_a_bar_is_drawn_on_a_terminal() -> None:
    """The bar shows the same words, and is gone in the end."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    bar = Bar(console)
    bar.note(standing())
    bar._progress.refresh()
    bar.close()
    assert isinstance(console.file, io.StringIO)
    assert "40/100, 2.0/s, $0.1235, 30 s left" in console.file.getvalue()


def test_quiet_shows_nothing() -> None:
    """With `--quiet` nothing watches; without a terminal, lines do."""
    assert watcher_for(quiet=True) is None
    assert isinstance(watcher_for(quiet=False), Lines)
