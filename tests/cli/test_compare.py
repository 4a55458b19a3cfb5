"""`moa compare` over simulated models."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from langgraph_moa.testing import Behaviour, Simulator
from tests.cli.conftest import Moa
from tests.evaluation.simulated import answering, picking

MODELS = ("--proposer", "openai:even", "--proposer", "openai:odd", "--aggregator", "openai:wise")


@pytest.fixture
def models(provider: Simulator) -> Simulator:
    """Return models that know one half of the questions each, an aggregator that knows the right one, and a judge."""
    provider.models |= {
        "even": answering(lambda number, _: number % 2 == 0),
        "odd": answering(lambda number, _: number % 2 == 1),
        "wise": picking(),
        "judge": Behaviour(reply="Rating: 5"),
    }
    return provider


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write sixteen questions, and a line that holds none."""
    lines = [
        json.dumps({"id": n, "question": f"This is question {n}. Plus 1000?", "target": 1000 + n}) for n in range(16)
    ]
    file = tmp_path / "own.jsonl"
    file.write_text("\n".join([*lines, "{broken"]), encoding="utf-8")
    return file


@pytest.mark.usefixtures("models")
def test_says_whether_it_helps(moa: Moa, data: Path, tmp_path: Path) -> None:
    """The verdict and every arm's score are printed, the report is written, and a broken line sets the exit code."""
    done = moa("compare", str(data), *MODELS, "--out", str(tmp_path / "out"), "--json")
    report = json.loads(done.out)
    assert done.code == 2
    assert "own.jsonl:17" in done.err
    assert report["notes"][0].startswith("Significant gain: the mixture is better than")
    assert report["data"]["arms"]["mixture"]["score"] == 1.0
    assert {"report.md", "report.html", "report.json", "log.jsonl"} <= {p.name for p in (tmp_path / "out").iterdir()}


def test_goes_on_where_it_was(moa: Moa, models: Simulator, data: Path, tmp_path: Path) -> None:
    """Run again with the same folder, it makes no call and prints the same."""
    first = moa("compare", str(data), *MODELS, "--out", str(tmp_path), "--limit", "4")
    made = len(models.requests)
    second = moa("compare", str(data), *MODELS, "--out", str(tmp_path), "--limit", "4")
    assert len(models.requests) == made
    assert first.out == second.out
    assert "of the mixture over" in first.out


def test_dry_run_calls_nothing(moa: Moa, models: Simulator, data: Path) -> None:
    """A dry run tells each arm's calls and makes none."""
    done = moa("compare", str(data), *MODELS, "--dry-run", "--json")
    assert json.loads(done.out)["mixture"]["forecast"]["calls"] == 48
    assert models.requests == []


def test_judge_is_asked(moa: Moa, models: Simulator, data: Path) -> None:
    """With a judge the answers are rated, and the report names it."""
    done = moa("compare", str(data), *MODELS, "--judge", "openai:judge", "--limit", "2", "--json", "--quiet")
    report = json.loads(done.out)
    assert report["tables"][0]["judge"]["model"] == "openai:judge"
    assert report["data"]["arms"]["mixture"]["score"] == 5
    assert any(request.body["model"] == "judge" for request in models.requests)


def test_judge_compares_with_a_baseline(moa: Moa, models: Simulator, data: Path) -> None:
    """With a baseline every answer is judged beside its answer in both orders; equal answers are a draw, unasked."""
    models.models |= {"judge": Behaviour(reply=lambda body: "Verdict: " + _right(str(body["messages"][-1]["content"])))}
    options = ("--judge", "openai:judge", "--against", "openai:odd", "--limit", "4", "--json", "--quiet")
    report = json.loads(moa("compare", str(data), *MODELS, *options).out)
    scores = {name: arm["score"] for name, arm in report["data"]["arms"].items()}
    assert (scores["mixture"], scores["openai:odd"], scores["openai:even"]) == (0.75, 0.5, 0.5)
    assert any("changed sides in 0 of 16 pairs" in note for note in report["tables"][0]["notes"])
    assert "both orders, against openai:odd" in report["tables"][0]["judge"]["settings"]


def _right(shown: str) -> str:
    """Return which of the two shown answers is the target."""
    target, first, second = re.findall(r"(\d{4}|(?<=is )\d+)\.?\n</part", shown)
    return "draw" if first == second else "A" if first == target else "B"


def test_baseline_needs_a_judge(moa: Moa, models: Simulator, data: Path) -> None:
    """A baseline without a judge is refused."""
    done = moa("compare", str(data), *MODELS, "--against", "openai:odd")
    assert done.code == 2
    assert "--against openai:odd needs a judge" in done.err
    assert models.requests == []


@pytest.mark.usefixtures("models")
def test_questions_without_targets_need_a_judge(moa: Moa, tmp_path: Path) -> None:
    """Without a judge, a question with no target is refused by its id."""
    file = tmp_path / "open.jsonl"
    file.write_text('{"id": "why", "question": "Why?"}\n', encoding="utf-8")
    done = moa("compare", str(file), *MODELS)
    assert done.code == 2
    assert "'why': name a judge" in done.err


def test_judge_that_takes_part_is_warned_of_first(moa: Moa, models: Simulator, data: Path) -> None:
    """That the judge is a proposer, or the baseline, is told even where the run then fails."""
    models.models |= {"odd": Behaviour(status=400, reply="closed")}
    given = ("--judge", "openai:odd", "--against", "openai:odd", "--limit", "2")
    done = moa("compare", str(data), *MODELS, *given)
    assert "the judge openai:odd is also a proposer of 'moa'" in done.err
    assert "the judge openai:odd is also a proposer of 'single-openai-odd'" in done.err
    assert done.code == 1


def test_folder_that_is_a_file_is_refused(moa: Moa, models: Simulator, data: Path) -> None:
    """A file under the name of the folder is bad input, told with what to do, and nothing is called."""
    done = moa("compare", str(data), *MODELS, "--out", str(data))
    assert (done.code, models.requests) == (2, [])
    assert "cannot be made: File exists. Name a folder" in done.err


def test_nothing_that_can_be_judged_is_a_failure(moa: Moa, models: Simulator, data: Path) -> None:
    """Where no verdict can be read, the headline says so, one is quoted, and the exit code is 1."""
    models.models["judge"] = Behaviour(reply="I would rather not say.")
    done = moa("compare", str(data), *MODELS, "--limit", "4", "--judge", "openai:judge")
    assert done.code == 1
    assert "Nothing could be judged" in done.out
    assert "I would rather not say" in done.out
    assert "moa: nothing could be judged" in done.err
    assert "$0.0000" not in done.err


def test_missing_package_is_told_before_any_call(
    moa: Moa, models: Simulator, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without matplotlib, which the report needs, no model is asked."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = moa("compare", str(data), *MODELS)
    assert done.code != 0
    assert "langgraph-moa[eval]" in done.err
    assert not models.requests
