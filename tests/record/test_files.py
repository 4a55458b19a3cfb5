"""Records in files."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.record import RunRecord
from langgraph_moa.record.files import writable, write_record
from tests.record.records import wide_record

RECORD = wide_record(2)


@pytest.mark.parametrize(
    ("name", "text"),
    [("run.html", RECORD.to_html()), ("run.MD", RECORD.to_markdown()), ("run.json", RECORD.to_json())],
)
def test_the_ending_says_the_form(tmp_path: Path, name: str, text: str) -> None:
    """A record is written in the form of its ending, in place of what was there, and nothing lies beside it."""
    path = tmp_path / name
    path.write_text("earlier")
    write_record(RECORD, path)
    assert path.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What a symbolic link names is written, not the link."""
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "run.json")
    write_record(RECORD, link)
    assert link.is_symlink()
    assert RunRecord.from_json((tmp_path / "run.json").read_text(encoding="utf-8")) == RECORD


@pytest.mark.parametrize("name", ["run", "run.txt", "run.html.gz", "html"])
def test_another_ending_is_refused(name: str) -> None:
    """An ending that is not known is refused, with those that are."""
    with pytest.raises(ConfigurationError, match=r"ends with \.html, \.md, \.json, got 'run|'html'"):
        writable(name)


@pytest.mark.parametrize("name", ["none/run.html", "folder.html", "a\0b.html", "x" * 300 + ".html"])
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    """A path where nothing can be written is refused before there is a record, with what to do."""
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ConfigurationError, match=r"no record can be written to .*Name a file in a folder"):
        writable(tmp_path / name)


def test_asking_leaves_nothing(tmp_path: Path) -> None:
    """To ask whether a file can be written makes none, and leaves the one that is there."""
    writable(tmp_path / "new.md")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.md").write_text("kept")
    writable(tmp_path / "old.md")
    assert (tmp_path / "old.md").read_text() == "kept"


@pytest.mark.timeout(20)
def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """A pipe that nobody reads is refused, and not waited for."""
    os.mkfifo(tmp_path / "pipe.html")
    with pytest.raises(ConfigurationError, match=r"it is no regular file\. Name a file"):
        writable(tmp_path / "pipe.html")


def test_a_record_is_for_its_owner(tmp_path: Path) -> None:
    """A new record can be read by its owner alone; one that takes the place of a file has the rights of that file."""
    new, old = tmp_path / "new.html", tmp_path / "old.html"
    old.touch()
    old.chmod(0o640)
    for path in (new, old):
        write_record(RECORD, writable(path))
    assert [stat.S_IMODE(path.stat().st_mode) for path in (new, old)] == [0o600, 0o640]


def test_whatever_name_is_writable_is_written(tmp_path: Path) -> None:
    """The longest name that a folder takes is found writable, and is written to."""
    path = tmp_path / ("x" * 250 + ".html")
    write_record(RECORD, writable(path))
    assert path.stat().st_size > 0


def test_a_file_that_cannot_be_replaced_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose place cannot be taken, as a mount, or another user's in /tmp, is found writable, and is written."""
    path = tmp_path / "run.json"
    path.touch()

    def busy(half: Path, target: Path) -> Path:
        raise OSError(errno.EBUSY, f"{half} cannot take the place of {target}")

    monkeypatch.setattr(Path, "replace", busy)
    write_record(RECORD, writable(path))
    assert RunRecord.from_json(path.read_text(encoding="utf-8")) == RECORD
    with pytest.raises(OSError, match="cannot take the place"):
        write_record(RECORD, tmp_path / "new.json")
    assert list(tmp_path.iterdir()) == [path]
