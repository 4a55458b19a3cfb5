"""Runs that can be opened again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa import ConfigurationError, RunRecord
from langgraph_moa.playground.earlier_runs import MOST, EarlierRuns, UnknownRunError

RECORD = RunRecord(
    mixture="moa",
    started_at=1_790_000_000.0,
    seconds=1.5,
    messages=(),
    answer="yes",
    error=None,
    degraded=False,
    missing=(),
    usage=None,
    cost=None,
    timing=None,
    stages=(),
)


def at(second: float) -> RunRecord:
    """Return a run that began so many seconds after the first one."""
    return replace(RECORD, started_at=RECORD.started_at + second)


@pytest.fixture(params=["memory", "folder"])
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> EarlierRuns:
    """Return an empty store of each kind."""
    return EarlierRuns(tmp_path / "runs" if request.param == "folder" else None)


def test_the_last_runs_are_listed(runs: EarlierRuns) -> None:
    """The list holds the last runs, the newest first, and each is found by its id."""
    kept = [runs.keep(at(second)) for second in range(MOST + 3)]
    listed = runs.listed()
    assert [identifier for identifier, _ in listed] == kept[:2:-1]
    assert runs.get(kept[-1]) == at(MOST + 2)
    assert len(set(kept)) == MOST + 3


def test_a_folder_outlives_the_process(tmp_path: Path) -> None:
    """Another process finds the runs of a folder, and what else lies there does no harm."""
    identifier = EarlierRuns(tmp_path).keep(RECORD)
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / "20260101T000000-0123456789abcdef.json").write_text("no record")
    assert EarlierRuns(tmp_path).listed() == [(identifier, RECORD)]
    assert RunRecord.from_json((tmp_path / f"{identifier}.json").read_text()) == RECORD
    with pytest.raises(ConfigurationError, match="no record of a run"):
        EarlierRuns(tmp_path).get("20260101T000000-0123456789abcdef")


@pytest.mark.parametrize(
    "identifier", ["../secret", "..%2Fsecret", "/etc/passwd", "", "secret", "20260101T000000-0123456789abcdef\n", "\0"]
)
def test_an_id_is_no_path(identifier: str, tmp_path: Path) -> None:
    """An id that the list does not give is refused before any file is looked at."""
    (tmp_path / "secret.json").write_text(RECORD.to_json())
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "secret.json").write_text(RECORD.to_json())
    with pytest.raises(UnknownRunError, match="there is no run"):
        EarlierRuns(folder).get(identifier)


@given(st.text())
def test_any_id_is_answered(identifier: str) -> None:
    """Whatever is asked for, an unknown run is an `UnknownRunError`."""
    with pytest.raises(UnknownRunError):
        EarlierRuns().get(identifier)


def test_a_forgotten_run_says_so() -> None:
    """A run that fell out of memory is told apart from one that never was."""
    runs = EarlierRuns()
    first = runs.keep(RECORD)
    for second in range(MOST):
        runs.keep(at(second + 1))
    with pytest.raises(UnknownRunError, match="any more"):
        runs.get(first)
