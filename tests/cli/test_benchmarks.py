"""What the benchmarks do alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_moa.cli.benchmarks import data_copies, kept, places, show_report
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.datasets import BrokenLine
from langgraph_moa.evaluation.reports import Report
from langgraph_moa.evaluation.runs import Failed, Outcome

REPORT = Report(title="Title", date="2026-01-02", notes=["few samples"])
DONE = Outcome(made=1, reused=0, failed=(), stopped=None, spent=None)
FAILED = DONE._replace(failed=(Failed("a", "ValueError", "no"),))
BROKEN = BrokenLine("set.json", 3, "no JSON")


def test_a_folder_keeps_all(tmp_path: Path) -> None:
    """The folder that is named is made, and stays."""
    with kept(tmp_path / "a" / "b", None) as found:
        assert found.folder.is_dir()
    assert found == (tmp_path / "a" / "b", found.folder / "answers.jsonl", found.folder / "judgments.jsonl")
    assert found.folder.is_dir()


def test_without_a_folder_nothing_stays() -> None:
    """Where no folder is named, that of the run is gone when it ends."""
    with kept(None, None) as found:
        assert found.folder.is_dir()
    assert not found.folder.exists()


def test_a_log_has_its_judgments_beside_it(tmp_path: Path) -> None:
    """A log that is named keeps the answers, and one beside it the judgments, in the same form."""
    found = places(tmp_path, Path("logs/run.sqlite"))
    assert found[1:] == (Path("logs/run.sqlite"), Path("logs/run-judgments.sqlite"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in the place of the folder is told as a wrong option."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"--out .*file cannot be made"), kept(tmp_path / "file", None):
        pass


def test_copies_are_in_the_users_folder() -> None:
    """Copies of data sets stand in the folder that the environment names, else in the user's own."""
    assert data_copies({"LANGGRAPH_MOA_HOME": "/somewhere"}) == Path("/somewhere/data")
    assert data_copies({}).name == "data"


@pytest.mark.parametrize(
    ("steps", "broken", "code"),
    [([DONE, DONE], [], 0), ([DONE], [BROKEN], 2), ([DONE, FAILED], [BROKEN], 1), ([FAILED, DONE], [], 1)],
)
def test_the_exit_code_tells_the_worst(
    steps: list[Outcome], broken: list[BrokenLine], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that failed ends with 1, also over a set with broken lines, which alone are 2."""
    assert show_report(REPORT, steps, broken, out=None, as_json=False) == code
    assert ("left out: set.json:3" in capsys.readouterr().err) == bool(broken)


@pytest.mark.parametrize("quiet", [False, True])
def test_notes_are_told_where_stdout_is_a_file(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: FBT001
    """What a reader must not miss is told on stderr as well, unless all is to be quiet."""
    show_report(REPORT, [DONE], [], out=None, as_json=True, quiet=quiet)
    assert ("few samples" in capsys.readouterr().err) != quiet


def test_the_report_is_written_in_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a folder, the report stands there as Markdown, JSON and a page."""
    show_report(REPORT, [DONE], [], out=tmp_path, as_json=False)
    assert {path.suffix for path in tmp_path.iterdir()} == {".md", ".json", ".html"}
    assert capsys.readouterr().out == (tmp_path / "report.md").read_text(encoding="utf-8")
