"""`moa eval mt-bench`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from langgraph_moa.testing import Behaviour, Simulator
from tests.cli.conftest import Moa, models

ROWS = [
    {"question_id": 81, "category": "writing", "turns": ["A poem.", "Shorter."]},
    {"question_id": 111, "category": "math", "turns": ["6 * 7?", "Twice?"]},
]


@pytest.fixture
def questions(tmp_path: Path, provider: Simulator) -> Path:
    """Return a folder of two questions, whose answers `judge` rates with 8."""
    provider.models |= {"judge": Behaviour(reply="Fine. Rating: [[8]]")}
    (tmp_path / "question.jsonl").write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    return tmp_path


def test_ratings_on_stdout(moa: Moa, questions: Path, tmp_path: Path) -> None:
    """The report has the mean, the categories and the judge, and says whose prompts were used."""
    out = tmp_path / "out"
    asked = ("eval", "mt-bench", "--data", str(questions), *models("openai:good"), "--judge", "openai:judge", "--quiet")
    done = moa(*asked, "--out", str(out))
    assert (done.code, done.err) == (0, "")
    assert all(said in done.out for said in ("writing", "turn 2", "openai:judge", "own prompts"))
    assert json.loads((out / "report.json").read_text("utf-8"))["tables"][0]["rows"][0][1] == 8.0


def test_judge_is_needed(moa: Moa, questions: Path) -> None:
    """Without a judge nothing is asked, and the option is named."""
    done = moa("eval", "mt-bench", "--data", str(questions), *models("openai:good"))
    assert (done.code, "--judge" in done.err) == (2, True)


def test_dry_run_counts_the_judge(moa: Moa, questions: Path, provider: Simulator) -> None:
    """`--dry-run` tells the calls of the mixture and those of the judge, and makes none."""
    asked = ("eval", "mt-bench", "--data", str(questions), *models("openai:good"), "--judge", "openai:judge", "--json")
    plans = json.loads(moa(*asked, "--dry-run", "--quiet").out)
    assert {name: plan["forecast"]["calls"] for name, plan in plans.items()} == {"answers": 8, "judgments": 4}
    assert not provider.requests


def test_dry_run_knows_what_is_there(moa: Moa, questions: Path, tmp_path: Path, provider: Simulator) -> None:
    """With the folder of a run that has begun, `--dry-run` counts what is left alone, and still makes no call."""
    asked = ("eval", "mt-bench", "--data", str(questions), *models("openai:good"), "--judge", "openai:judge", "--quiet")
    kept = ("--out", str(tmp_path / "out"), "--json")
    moa(*asked, *kept, "--limit", "1")
    made = len(provider.requests)
    plans = json.loads(moa(*asked, *kept, "--dry-run").out)
    told = {name: (plan["jobs"], plan["reused"]) for name, plan in plans.items()}
    assert told == {"answers": (1, 1), "judgments": (2, 2)}
    assert len(provider.requests) == made


@pytest.mark.parametrize("more", [["--dry-run"], ["--max-cost", "1"]])
def test_a_judge_that_answers_is_told_before_anything_is_paid(
    moa: Moa, questions: Path, provider: Simulator, more: list[str]
) -> None:
    """A judge that is also the aggregator is warned of before the first call, and without one."""
    done = moa("eval", "mt-bench", "--data", str(questions), *models("openai:good"), "--judge", "openai:merge", *more)
    assert "judges favour what they wrote themselves" in done.err
    assert not provider.requests
