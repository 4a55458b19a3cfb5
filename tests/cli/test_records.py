"""`--record`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from langgraph_moa import RunRecord
from langgraph_moa.record import files
from langgraph_moa.testing import Simulator
from tests.cli.conftest import Moa, models


def test_a_record_lies_beside_json(moa: Moa, provider: Simulator, tmp_path: Path) -> None:
    """`--record` writes what `--json` prints of the run, and changes nothing of what is printed."""
    path = tmp_path / "run.json"
    done = moa("ask", "Why?", "--json", "--record", str(path), *models("openai:good", "openai:bad"))
    printed, record = json.loads(done.out), RunRecord.from_json(path.read_text(encoding="utf-8"))
    assert (done.code, printed["answer"]) == (0, "the merged answer")
    assert (record.answer, record.degraded, record.timing) == (printed["answer"], True, printed["timing"])
    assert [seat.status for seat in record.stages[0].seats] == ["ok", "error"]
    assert "sk-abcdefghijk" not in path.read_text(encoding="utf-8")


def test_a_failed_run_is_recorded(moa: Moa, provider: Simulator, tmp_path: Path) -> None:
    """Where the run fails, the record says why, and the error and the exit code are as without it."""
    path = tmp_path / "run.html"
    done = moa("ask", "Why?", "-q", "--record", str(path), *models("openai:bad"))
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("moa: layer 1: 0 of 1 proposers gave a usable answer")
    assert "The run failed: QuorumError." in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "told"),
    [("run.txt", "a name that ends with .html, .md, .json, got"), ("none/run.md", "no record can be written to")],
)
def test_what_cannot_be_written_is_told_first(
    moa: Moa, provider: Simulator, tmp_path: Path, name: str, told: str
) -> None:
    """A record that cannot be written ends the command with code 2 before any call is made."""
    done = moa("ask", "Why?", "--record", str(tmp_path / name), *models("openai:good"))
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert provider.requests == []


@pytest.mark.parametrize(("proposer", "lines"), [("openai:good", 1), ("openai:bad", 2)])
@pytest.mark.usefixtures("provider")
def test_a_record_that_is_lost_costs_no_answer(
    moa: Moa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proposer: str, lines: int
) -> None:
    """Where the disk fills up meanwhile, the answer has been printed, and the run's own error is told besides."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_record", full)
    done = moa("ask", "Why?", "-q", "--json", "--record", str(tmp_path / "run.md"), *models(proposer))
    assert done.code == 1
    assert bool(done.out) == (proposer == "openai:good")
    assert "No space left on device" in done.err
    assert len(done.err.splitlines()) == lines


def test_a_chat_records_its_last_turn(moa: Moa, provider: Simulator, tmp_path: Path) -> None:
    """`moa chat --record` keeps the record of the last turn, with the whole conversation that it was asked."""
    path = tmp_path / "turn.json"
    done = moa("chat", "-q", "--record", str(path), *models("openai:good"), stdin=b"Why?\nAnd then?\n")
    assert done.code == 0
    record = RunRecord.from_json(path.read_text(encoding="utf-8"))
    assert [said.text for said in record.messages] == ["Why?", "the merged answer", "And then?"]
