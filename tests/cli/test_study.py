"""`moa study` over simulated models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from langgraph_moa.cli.study import STUDIES
from langgraph_moa.testing import Simulator
from tests.cli.conftest import Moa
from tests.evaluation.simulated import answering, picking

MODELS = (
    *("--proposer", "openai:even", "--proposer", "openai:odd", "--proposer", "openai:third"),
    *("--aggregator", "openai:wise"),
)


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawings of figures out, which take longer than what is tested beside them."""
    monkeypatch.setattr("langgraph_moa.evaluation.figures.drawn", lambda *_, **__: "<svg></svg>")


@pytest.fixture
def models(provider: Simulator) -> Simulator:
    """Return models that each know some of the questions, and an aggregator that knows the right answer."""
    provider.models |= {
        "even": answering(lambda number, _: number % 2 == 0),
        "odd": answering(lambda number, _: number % 2 == 1),
        "third": answering(lambda number, _: number % 3 == 0),
        "wise": picking(),
    }
    return provider


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write four questions, as a table."""
    file = tmp_path / "own.csv"
    rows = [f"q{n},This is question {n}. Plus 1000?,{1000 + n}" for n in range(4)]
    file.write_text("\n".join(["id,question,target", *rows]), encoding="utf-8")
    return file


def test_group_names_every_study(moa: Moa) -> None:
    """Without a study, the help page names all of them."""
    done = moa("study")
    assert done.code == 0
    assert all(name in done.out for name in STUDIES)


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("name", STUDIES)
def test_each_study_writes_data_table_and_figure(moa: Moa, data: Path, tmp_path: Path, name: str) -> None:
    """Every study leaves its data, its table and its figure in the folder, and prints the table."""
    done = moa("study", name, str(data), *MODELS, "--limit", "2", "--out", str(tmp_path / "out"), "--quiet")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert "| " in done.out
    assert report["data"]["study"] == name
    assert {"report.md", "report.html"} <= written
    assert any(file.endswith(".svg") for file in written)


def test_dry_run_calls_nothing(moa: Moa, models: Simulator, data: Path) -> None:
    """A dry run tells each arm's calls and makes none."""
    done = moa("study", "depth", str(data), *MODELS, "--dry-run", "--json")
    calls = {name: plan["forecast"]["calls"] for name, plan in json.loads(done.out).items()}
    assert (done.code, calls) == (0, {"depth 1": 4, "depth 2": 16, "depth 3": 28})
    assert models.requests == []


@pytest.mark.usefixtures("models")
def test_log_of_another_study_is_refused(moa: Moa, data: Path, tmp_path: Path) -> None:
    """The folder of one study is not continued by another."""
    moa("study", "ranker", str(data), *MODELS, "--limit", "1", "--out", str(tmp_path / "out"), "--quiet")
    done = moa("study", "depth", str(data), *MODELS, "--limit", "1", "--out", str(tmp_path / "out"))
    assert done.code == 2
    assert "is the log of another run" in done.err


def test_adaptive_asks_no_model(moa: Moa, tmp_path: Path) -> None:
    """Recorded final answers are enough for the study of waves, which tells accuracy against calls."""
    lines = [{"gold": [1, 2, 3, 4]}, *({"model": name, "answers": [1, 2, 3, n]} for n, name in enumerate("abc"))]
    file = tmp_path / "answers.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    done = moa("study", "adaptive", str(file), "--json", "--quiet")
    assert done.code == 0
    assert json.loads(done.out)["data"]["singles"] == {"a": 75.0, "b": 75.0, "c": 75.0}
