"""`moa mix`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Moa


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Write three models' answers to twelve questions; each errs on other ones."""
    path = tmp_path / "answers.jsonl"
    models = {name: [2 if at % 3 == index else 1 for at in range(12)] for index, name in enumerate("abc")}
    lines = [{"gold": [1] * 12}, *({"model": name, "answers": given} for name, given in models.items())]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_the_ranking_is_printed(moa: Moa, answers: Path) -> None:
    """The models and the sets of them are printed as tables, on stdout alone."""
    code, out, _ = moa("mix", str(answers))
    assert code == 0
    assert "| a | 66.67 |" in out
    assert "| 3 | c | 100.00 | 100.00 |" in out


def test_the_ranking_as_json(moa: Moa, answers: Path) -> None:
    """`--json` prints the report with all that it is made of, and nothing else."""
    data = json.loads(moa("mix", str(answers), "--json").out)["data"]
    assert [step["model"] for step in data["by_vote"]] == ["a", "b", "c"]
    assert data["by_vote"][2]["vote"] == 1.0


def test_a_set_of_some_models(moa: Moa, answers: Path) -> None:
    """`--model` and `--size` say which models are chosen among, and how many."""
    data = json.loads(moa("mix", str(answers), "--json", "--model", "c", "--model", "b", "--size", "1").out)["data"]
    assert [candidate["model"] for candidate in data["candidates"]] == ["c", "b"]
    assert len(data["by_vote"]) == 1


def test_the_report_is_written(moa: Moa, answers: Path, tmp_path: Path) -> None:
    """`--out` writes the page, the Markdown with its figures, and the JSON."""
    moa("mix", str(answers), "--out", str(tmp_path / "out"))
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".html", ".md", ".json", ".svg"}


def test_a_broken_line_ends_in_a_code(moa: Moa, answers: Path) -> None:
    """The report is printed all the same; stderr names file and line, and the exit code is 2."""
    with answers.open("a") as file:
        file.write('\n{"model": "d", "answers": [1]}\n')
    code, out, err = moa("mix", str(answers))
    assert code == 2
    assert "| 3 | c |" in out
    assert f"{answers}:5: it has 1 answers to 12 questions" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [(("--model", "nobody"), "nobody"), (("--model", "a"), "two models"), (("--size", "0"), "size")],
)
def test_wrong_options_are_told(moa: Moa, answers: Path, options: tuple[str, ...], said: str) -> None:
    """A model that is not in the file, a single one and a set of none are refused in one line."""
    code, out, err = moa("mix", str(answers), *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_missing_file_is_told(moa: Moa) -> None:
    """A file that is not there is named, with exit code 2."""
    code, out, err = moa("mix", "nowhere.jsonl")
    assert (code, out) == (2, "")
    assert "nowhere.jsonl" in err
