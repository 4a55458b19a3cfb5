"""`moa eval gsm8k` and `moa eval math`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from langgraph_moa.testing import Behaviour, Simulator
from tests.cli.conftest import Moa, models

ROWS = [{"question": f"{n} + 1?", "answer": f"It is {n + 1}.\n#### {n + 1}"} for n in range(4)]


@pytest.fixture
def problems(tmp_path: Path, provider: Simulator) -> Path:
    """Return a file of four problems, of which the mixture gets one right."""
    provider.models |= {"merge": Behaviour(reply="#### 3")}
    path = tmp_path / "test.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    return path


def test_accuracy_on_stdout(moa: Moa, problems: Path) -> None:
    """The report is printed as Markdown, with the accuracy of the mixture and who scored."""
    done = moa("eval", "gsm8k", "--data", str(problems), *models("openai:good"), "--quiet")
    assert (done.code, done.err) == (0, "")
    assert "0.25" in done.out
    assert "exact match" in done.out


def test_goes_on_where_it_was(moa: Moa, problems: Path, provider: Simulator, tmp_path: Path) -> None:
    """A second run with a larger limit asks for what is missing alone; the folder has the report as a page."""
    asked = (
        "eval",
        "gsm8k",
        "--data",
        str(problems),
        *models("openai:good"),
        "--quiet",
        "--out",
        str(tmp_path / "out"),
    )
    assert moa(*asked, "--limit", "3").code == 0
    assert len(provider.requests) == 6
    done = moa(*asked, "--json")
    assert len(provider.requests) == 8
    assert json.loads(done.out)["tables"][0]["rows"][0][4] == 4
    assert (tmp_path / "out" / "report.html").exists()


def test_broken_line(moa: Moa, problems: Path) -> None:
    """A broken line is named by file and line, the run goes on, and the exit code tells."""
    with problems.open("a", encoding="utf-8") as file:
        file.write("\n{broken")
    done = moa("eval", "gsm8k", "--data", str(problems), *models("openai:good"), "--quiet")
    assert done.code == 2
    assert f"{problems}:5:" in done.err
    assert "0.25" in done.out


def test_dry_run_calls_nothing(moa: Moa, problems: Path, provider: Simulator) -> None:
    """`--dry-run` tells how many calls would be made, and makes none."""
    done = moa("eval", "gsm8k", "--data", str(problems), *models("openai:good"), "--quiet", "--dry-run")
    assert (done.code, "calls: 8" in done.out, len(provider.requests)) == (0, True, 0)


def test_another_mixture_is_refused(moa: Moa, problems: Path, tmp_path: Path) -> None:
    """A folder with the answers of another mixture is refused with both fingerprints."""
    asked = ("eval", "gsm8k", "--data", str(problems), "--quiet", "--out", str(tmp_path / "out"))
    assert moa(*asked, *models("openai:good")).code == 0
    done = moa(*asked, *models("openai:good", "openai:merge"))
    assert (done.code, done.err.count("fingerprint")) == (2, 2)


def test_math_by_level(moa: Moa, provider: Simulator, tmp_path: Path) -> None:
    """`moa eval math` reads a folder of problems and breaks the accuracy down by level and subject."""
    provider.models |= {"merge": Behaviour(reply=r"\boxed{3}")}
    problem = {"problem": "Three?", "level": "Level 2", "type": "Algebra", "solution": r"\boxed{3}"}
    (tmp_path / "algebra").mkdir()
    (tmp_path / "algebra" / "1.json").write_text(json.dumps(problem), encoding="utf-8")
    done = moa("eval", "math", "--data", str(tmp_path / "algebra"), *models("openai:good"), "--quiet")
    assert done.code == 0
    assert "Level 2" in done.out
    assert "Algebra" in done.out


def test_no_problem_at_all(moa: Moa, provider: Simulator, tmp_path: Path) -> None:
    """An empty file is refused before any call."""
    (tmp_path / "empty.jsonl").touch()
    done = moa("eval", "gsm8k", "--data", str(tmp_path / "empty.jsonl"), *models("openai:good"), "--quiet")
    assert (done.code, "has no sample" in done.err, len(provider.requests)) == (2, True, 0)
