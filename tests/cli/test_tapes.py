"""Claims about `--tape` and `--replay`."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_moa.testing import Simulator
from tests.cli.conftest import Moa, models

PANEL = models("openai:good", "openai:other")


def test_replay(moa: Moa, provider: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one command has recorded, another replays with no key and no provider; nothing is asked twice."""
    tape = str(tmp_path / "run.sqlite")
    first = moa("ask", "Why?", "--tape", tape, *PANEL)
    again = moa("ask", "Why?", "--tape", tape, *PANEL)
    asked = len(provider.requests)
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")
    replayed = moa("ask", "Why?", "--tape", tape, "--replay", *PANEL)
    assert (first.code, first.out) == (again.code, again.out) == (replayed.code, replayed.out)
    assert (first.code, asked) == (0, 3)
    assert len(provider.requests) == 3


def test_what_was_not_recorded(moa: Moa, provider: Simulator, tmp_path: Path) -> None:
    """A question that the tape does not hold fails in one line that says what is missing, and asks nobody."""
    tape = str(tmp_path / "run.jsonl")
    moa("ask", "Why?", "--tape", tape, *PANEL)
    done = moa("ask", "Why not?", "-q", "--tape", tape, "--replay", *PANEL)
    assert (done.code, done.out) == (1, "")
    assert "is not on" in done.err
    assert len(provider.requests) == 3


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--replay"], "--replay needs a tape: name one with --tape FILE"),
        (["--tape", "run.txt"], "a tape's name must end in .sqlite, .db, .jsonl"),
        (["--tape", "none.sqlite", "--replay"], "there is no tape 'none.sqlite' to replay"),
    ],
)
def test_wrong_options(moa: Moa, provider: Simulator, options: list[str], why: str) -> None:
    """A replay without a tape, and a tape that cannot be used, are refused in one line."""
    done = moa("ask", "Why?", *options, *PANEL)
    assert done.code != 0
    assert why in done.err
    assert provider.requests == []
