"""The live view: how it is drawn, and what a terminal shows."""

from __future__ import annotations

import io
import re
import sys
import threading

import pexpect
import pytest
from rich.console import Console

from langgraph_moa.cli.live import LiveView, draw_stage
from langgraph_moa.cli.notes import Notes
from langgraph_moa.progress import Call, Stage
from langgraph_moa.testing import Behaviour, Simulator
from tests.cli.conftest import COMMAND, models

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _drawn(stage: Stage, *, width: int, height: int, now: float = 0.0) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    console.print(draw_stage(stage, now, width, height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_calls_stand_side_by_side_with_state_seconds_and_tokens() -> None:
    """Each call shows name, state, seconds and tokens, as many in a line as fit."""
    calls = [
        Call("a", "x:a"),
        Call("b", "x:b", "answering", started=1.0),
        Call("c", "x:c", "done", ended_after=2.5, tokens=120),
        Call("d", "x:d", "failed", ended_after=0.5),
    ]
    drawn = _drawn(Stage("layer 1 of 1", {call.slot: call for call in calls}), width=80, height=24, now=4.0)
    assert drawn[0] == "layer 1 of 1: 1 waiting, 1 answering, 1 done, 1 failed"
    assert re.split(r"\s{2,}", drawn[1].strip()) == ["· a waiting", "▸ b answering 3.0s"]
    assert re.split(r"\s{2,}", drawn[2].strip()) == ["✓ c done 2.5s 120 tok", "✗ d failed 0.5s"]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 30), (200, 50), (60, 24)])
def test_sixty_four_calls_fit_on_a_screen(width: int, height: int) -> None:
    """64 calls wrap into a grid no taller than the screen, each with the beginning of its name and its seconds."""
    calls = {
        f"{number:02}-llama-3.3-70b-instruct": Call(f"{number:02}-llama-3.3-70b-instruct", "m", "done", None, 1.5, 99)
        for number in range(64)
    }
    drawn = _drawn(Stage("layer 1 of 1", calls), width=width, height=height)
    assert len(drawn) <= height
    assert max(map(len, drawn)) <= width
    text = "\n".join(drawn)
    assert all(f"{number:02}" in text for number in range(64))
    assert text.count("1.5s") == 64


def test_names_are_no_markup() -> None:
    """A slot's name is shown as it is, brackets included."""
    assert "[red]x" in _drawn(Stage("s", {"x": Call("[red]x", "m")}), width=80, height=24)[1]


def test_a_fallback_begins_anew() -> None:
    """When another model takes over in the middle of an answer, its answer begins on a line of its own."""
    console = Console(file=io.StringIO(), force_terminal=False)
    view = LiveView(Notes(quiet=True), console)
    view.token("half an ans", restarted=False)
    view.token("A whole answer", restarted=True)
    view.close()
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "half an ans\nA whole answer\n"


def _terminal(*arguments: str, environment: dict[str, str]) -> pexpect.spawn[str]:
    python, *rest = COMMAND
    return pexpect.spawn(
        python,
        [*rest, *arguments],
        env=environment | {"TERM": "xterm"},
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=60,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")
def test_a_terminal_shows_waiting_answering_done_and_the_answer(
    provider: Simulator, environment: dict[str, str]
) -> None:
    """On a terminal the proposers are seen to wait, answer and end; then comes the answer, harmless, and a summary."""
    both_asked, release = threading.Event(), threading.Event()

    def slow(_: object) -> str:
        both_asked.set()
        release.wait(60)
        return "a proposal of five words"

    provider.models["slow"] = Behaviour(reply=slow)
    provider.models["merge"] = Behaviour(reply="The answer \x1b[2Jstands\nin two lines.")
    terminal = _terminal("ask", "Why?", *models("openai:slow", "openai:bad"), environment=environment)
    terminal.expect("layer 1 of 1: 2 waiting")
    terminal.expect("1 answering, 1 failed")
    assert both_asked.wait(60)
    release.set()
    terminal.expect("1 done, 1 failed")
    terminal.expect("tok")
    terminal.expect("no such model")
    terminal.expect(r"The answer \[2Jstands\r\nin two lines\.\r\n")
    terminal.expect("moa: degraded: without layer 1 bad")
    terminal.expect("moa: 1/2 proposals")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")
def test_ctrl_c_gives_the_terminal_back(provider: Simulator, environment: dict[str, str]) -> None:
    """Ctrl-C in the live view shows the cursor again and ends with 130 and one line."""
    terminal = _terminal("ask", "Why?", *models("openai:hang"), environment=environment)
    terminal.expect("1 answering")
    assert provider.wait_for(lambda sim: len(sim.requests) == 1)
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()
    ending = terminal.before or ""
    assert terminal.exitstatus == 130
    assert "\x1b[?25h" in ending
    assert "Traceback" not in ending
    assert ESCAPE.sub("", ending).rstrip().endswith("moa: interrupted")
