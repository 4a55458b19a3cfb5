"""`moa eval flask`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from langgraph_moa.testing import Behaviour, Simulator
from tests.cli.conftest import Moa, models


@pytest.fixture
def questions(tmp_path: Path, provider: Simulator) -> Path:
    """Return a file of two questions, one of them hard, whose answers `judge` rates with 4."""
    provider.models |= {"judge": Behaviour(reply="{'Readability': 4, 'Factuality': 4, 'Conciseness': 4}")}
    skills = ["Readability", "Factuality", "Conciseness"]
    rows = [
        {"idx": n, "instruction": f"Q{n}", "answer": "", "skill": skills, "domain": ["Coding"], "difficulty": level}
        for n, level in enumerate(["simple lifestyle knowledge", "expert level knowledge"])
    ]
    path = tmp_path / "flask_evaluation.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.mark.parametrize(("options", "ratings"), [((), 6), (("--hard",), 3)])
def test_ratings(moa: Moa, questions: Path, options: tuple[str, ...], ratings: int) -> None:
    """All questions are rated, or with `--hard` those of FLASK-Hard alone."""
    asked = ("eval", "flask", "--data", str(questions), *models("openai:good"), "--judge", "openai:judge", "--json")
    done = moa(*asked, "--quiet", *options)
    assert done.code == 0
    assert json.loads(done.out)["tables"][0]["rows"][0][4] == ratings


def test_failed_judge_ends_with_1(moa: Moa, questions: Path, provider: Simulator) -> None:
    """A judge that cannot be reached is told, and the exit code is 1."""
    provider.models |= {"judge": Behaviour(status=400)}
    asked = ("eval", "flask", "--data", str(questions), *models("openai:good"), "--judge", "openai:judge", "--quiet")
    done = moa(*asked)
    assert done.code == 1
    assert "JudgeError" in done.err
