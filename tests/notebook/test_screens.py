"""Claims about where runs are shown."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from langgraph_moa.notebook.screens import CellOutput, Lines, screen_here
from tests.notebook.watched import event, run_of


def test_a_script_gets_lines() -> None:
    """Where no kernel runs there is no cell, whether IPython is imported or not."""
    assert isinstance(screen_here(), Lines)


def test_a_kernel_gets_the_output_of_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the kernel of a notebook, runs are shown below the cell."""
    shell = type("Shell", (), {"kernel": object()})()
    monkeypatch.setitem(sys.modules, "IPython", type("Core", (), {"get_ipython": staticmethod(lambda: shell)}))
    assert isinstance(screen_here(), CellOutput)


def test_one_line_for_each_call_that_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    """A call is told once, when it is over, and stdout stays free for the answer."""
    lines = Lines()
    run = run_of(event("started", 1, "a"), event("finished", 1, "b", seconds=0.5, tokens=7))
    lines.show([run], 2.0)
    lines.show([run], 3.0)
    run.progress.take(event("finished", 1, "a", seconds=2.0), 3.0)
    lines.show([run], 3.0)
    told = capsys.readouterr()
    assert told.err.splitlines() == ["moa, layer 1, b: done, 0.5 s, 7 tokens", "moa, layer 1, a: done, 2.0 s"]
    assert told.out == ""


def test_a_provider_does_not_command_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """What a provider says of a failure neither moves the cursor nor sets a title nor begins a line."""
    said = "no\x1b[2J\x1b]0;owned\x07\nmoa, layer 1, b: done\x9b1A"
    failed = event("failed", 1, "a", status="error", error={"kind": "APIError", "message": said})
    Lines().show([run_of(failed)], 2.0)
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.removesuffix("\n").isprintable()
    assert "owned" in told


def test_a_closed_stderr_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can read the lines they are left out."""

    class Closed:
        def write(self, _: str) -> None:
            raise OSError

    monkeypatch.setattr(sys, "stderr", Closed())
    Lines().show([run_of(event("finished", 1, "b", seconds=0.5))], 2.0)


def test_a_cell_shows_each_state_once_and_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first drawing makes a place, later ones take it, and one that changes nothing is not sent."""
    shown: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, **options: shown.append((data, options)))
    screen, run = CellOutput(), run_of(event("started", 1, "a"))
    for now in (2.0, 2.0, 3.0):
        screen.show([run], now)
    assert [options["update"] for _, options in shown] == [False, True]
    assert len({options["display_id"] for _, options in shown}) == 1
    assert all(sorted(data) == ["text/html", "text/plain"] and options["raw"] for data, options in shown)
