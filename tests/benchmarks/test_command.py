"""`python -m benchmarks`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import cases
from benchmarks.__main__ import main, options_of
from benchmarks.cases import CASES

ROOT = Path(__file__).parents[2]


def test_every_case_is_run() -> None:
    """Each module of the cases is in the list, once."""
    named = [case.__module__.rpartition(".")[2] for case in CASES]
    found = {path.stem for path in Path(str(cases.__file__)).parent.glob("*.py")} - {"__init__"}
    assert sorted(named) == sorted(found)


def test_an_unknown_case_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A case that there is not is refused, with those that there are."""
    assert main(["--only", "nothing"]) == 2
    assert "critical_path" in capsys.readouterr().err


def test_a_part_does_not_take_the_place_of_the_whole() -> None:
    """Only a whole run writes where the docs' figures come from, unless it is told so."""
    whole = options_of([]).output
    for part in (["--quick"], ["--only", "wide"], ["--without-peers"]):
        assert options_of(part).output != whole
        assert options_of([*part, "--output", str(whole)]).output == whole


def test_docs_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a run there is nothing to write into the docs, and that is said."""
    assert main(["--write-docs", "--output", str(tmp_path)]) == 1
    assert "not written" in capsys.readouterr().err


def test_one_case_from_end_to_end(tmp_path: Path) -> None:
    """A case runs with every contender of this environment, and leaves its table and its results."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--without-peers", "--only", "overhead"]
    done = subprocess.run(
        [*command, "--output", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=100
    )
    assert "| langgraph-moa |" in done.stdout
    (report,) = json.loads((tmp_path / "latest.json").read_text(encoding="utf-8"))["reports"]
    assert report["error"] is None
    assert all(row["error"] is None and row["values"]["over HTTP"] > 0 for row in report["rows"])
