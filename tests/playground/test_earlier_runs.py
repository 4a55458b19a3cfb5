"""Runs that can be opened again."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa import ConfigurationError, MoAError, RunRecord
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


def test_runs_of_one_second_are_in_order(runs: EarlierRuns) -> None:
    """Runs that began microseconds after each other are listed in the order in which they began."""
    for step in (0, 7, 2, 100_000, 5, 999_990, 20_000):
        runs.keep(at(step / 1e6))
    began = [record.started_at for _, record in runs.listed()]
    assert began == sorted(began, reverse=True)
    assert len(began) == 7


def _is_a_folder(file: Path) -> None:
    file.mkdir()


def _is_a_pipe(file: Path) -> None:
    os.mkfifo(file)


def _leads_nowhere(file: Path) -> None:
    file.symlink_to("elsewhere")


def _holds(content: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(content)


def _began(began: str) -> Callable[[Path], object]:
    return _holds(RECORD.to_json().replace("1790000000.0", began).encode())


@pytest.mark.parametrize(
    "make",
    [
        *(_is_a_folder, _is_a_pipe, _leads_nowhere),
        *map(_holds, (b"\xff\xfe", b"", b"[]", b"null", b"[" * 100_000, b"\0", RECORD.to_json().encode()[:-9])),
        *map(_began, ("1e300", "-1e11", "-1", "NaN", "Infinity", "253402300800", '"now"', "1" + "0" * 400)),
        _holds(RECORD.to_json().replace('"yes"', r'"\ud83d"').encode()),
    ],
)
def test_a_strange_file_is_passed_over(make: Callable[[Path], object], tmp_path: Path) -> None:
    """Whatever lies in the folder under the name of a run, the list holds the runs, and the file itself is refused."""
    strange = "20991231T235959999999-0123456789abcdef"
    make(tmp_path / f"{strange}.json")
    runs = EarlierRuns(tmp_path)
    kept = runs.keep(RECORD)
    assert [identifier for identifier, _ in runs.listed()] == [kept]
    with pytest.raises(MoAError, match=r"its file is gone|cannot be read|no record of a run|no time of this calendar"):
        runs.get(strange)


def test_strange_files_take_no_places(tmp_path: Path) -> None:
    """Newer files that hold no record do not push a run out of the list."""
    for number in range(MOST):
        (tmp_path / f"20991231T2359590000{number:02}-0123456789abcdef.json").touch()
    runs = EarlierRuns(tmp_path)
    kept = runs.keep(RECORD)
    assert [identifier for identifier, _ in runs.listed()] == [kept]


def test_a_file_that_may_not_be_read_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of somebody else is left out of the list, and asked for by its id it says why."""
    runs = EarlierRuns(tmp_path)
    identifier = runs.keep(RECORD)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "not yours")))
    assert runs.listed() == []
    with pytest.raises(ConfigurationError, match=r"cannot be read \(not yours\)"):
        runs.get(identifier)


def test_the_file_decides(tmp_path: Path) -> None:
    """A run whose file was changed is as the file says, and one whose file was deleted is gone, whoever kept it."""
    runs = EarlierRuns(tmp_path)
    identifier = runs.keep(RECORD)
    assert runs.get(identifier) == RECORD
    file = tmp_path / f"{identifier}.json"
    file.write_text(replace(RECORD, answer="no, it is not").to_json())
    assert runs.get(identifier).answer == "no, it is not"
    file.unlink()
    assert runs.listed() == []
    with pytest.raises(UnknownRunError, match="its file is gone"):
        runs.get(identifier)


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is asked for again reads no file that has not changed."""
    runs = EarlierRuns(tmp_path)
    runs.keep(RECORD)
    first = runs.listed()
    monkeypatch.setattr(RunRecord, "from_json", None)
    assert runs.listed() == first


def test_a_new_run_costs_one_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside more files than are listed, a list after a new run reads that one alone."""
    runs = EarlierRuns(tmp_path)
    for second in range(MOST + 5):
        runs.keep(at(second))
    runs.listed()
    runs.keep(at(MOST + 5))
    read: list[str] = []
    whole = RunRecord.from_json

    def reading(text: str) -> RunRecord:
        read.append(text)
        return whole(text)

    monkeypatch.setattr(RunRecord, "from_json", reading)
    assert runs.listed()[0][1] == at(MOST + 5)
    assert len(read) == 1


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """A folder that is made has the mode 0700 and a file 0600, whatever new files have; one that is there stays."""
    before = os.umask(0)
    try:
        for folder in (tmp_path / "new", tmp_path):
            mode = stat.S_IMODE(tmp_path.stat().st_mode)
            identifier = EarlierRuns(folder).keep(RECORD)
            assert stat.S_IMODE((folder / f"{identifier}.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
        assert stat.S_IMODE(tmp_path.stat().st_mode) == mode
    finally:
        os.umask(before)


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that cannot be written leaves nothing behind."""

    def full(*_: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        EarlierRuns(tmp_path).keep(RECORD)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_outlives_the_process(tmp_path: Path) -> None:
    """Another process finds the runs of a folder, and what else lies there does no harm."""
    identifier = EarlierRuns(tmp_path).keep(RECORD)
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / "20260101T000000000000-0123456789abcdef.json").write_text("no record")
    assert EarlierRuns(tmp_path).listed() == [(identifier, RECORD)]
    assert RunRecord.from_json((tmp_path / f"{identifier}.json").read_text()) == RECORD
    with pytest.raises(ConfigurationError, match="no record of a run"):
        EarlierRuns(tmp_path).get("20260101T000000000000-0123456789abcdef")


@pytest.mark.parametrize(
    "identifier",
    ["../secret", "..%2Fsecret", "/etc/passwd", "", "secret", "20260101T000000000000-0123456789abcdef\n", "\0"],
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
