"""`moa tune` over simulated models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from langgraph_moa import Mixture
from langgraph_moa.testing import Simulator
from tests.cli.conftest import Moa
from tests.evaluation.simulated import answering, picking

SEARCH = (
    *("--model", "openai:even", "--model", "openai:odd", "--aggregator", "openai:wise"),
    *("--strategy", "synthesize", "--strategy", "consensus", "--max-depth", "2", "--max-samples", "1"),
    *("--trials", "6", "--quiet"),
)


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawings of figures out, which take longer than what is tested beside them."""
    monkeypatch.setattr("langgraph_moa.evaluation.figures.drawn", lambda *_, **__: "<svg></svg>")


@pytest.fixture
def models(provider: Simulator) -> Simulator:
    """Return models that know one half of the questions each, and an aggregator that knows the right answer."""
    provider.models |= {
        "even": answering(lambda number, _: number % 2 == 0),
        "odd": answering(lambda number, _: number % 2 == 1),
        "wise": picking(),
    }
    return provider


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write twelve questions."""
    file = tmp_path / "own.jsonl"
    lines = [{"id": n, "question": f"This is question {n}. Plus 1000?", "answer": str(1000 + n)} for n in range(12)]
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return file


def test_writes_a_mixture_that_can_be_asked(moa: Moa, models: Simulator, data: Path, tmp_path: Path) -> None:
    """The chosen mixture is the one that knows everything, and its file works as a preset."""
    done = moa("tune", str(data), *SEARCH, "--out", str(tmp_path / "best.toml"), "--json")
    chosen = Mixture.from_file(tmp_path / "best.toml")
    assert done.code == 0
    assert json.loads(done.out)["data"]["chosen"]["mixture"] == chosen.to_dict()
    assert len(chosen.layers[0].proposers) == 2
    models.requests.clear()
    asked = moa("ask", "This is question 5. Plus 1000?", "--preset", str(tmp_path / "best.toml"), "--quiet")
    assert asked.out.strip() == "The answer is 1005."


def test_tape_saves_every_call(moa: Moa, models: Simulator, data: Path, tmp_path: Path) -> None:
    """A second search over the same tape makes no call and prints the same."""
    first = moa("tune", str(data), *SEARCH, "--tape", str(tmp_path / "calls.jsonl"))
    made = len(models.requests)
    second = moa("tune", str(data), *SEARCH, "--tape", str(tmp_path / "calls.jsonl"))
    assert made == len(models.requests) > 0
    assert second.out == first.out
    assert "Pareto front" in first.out


def test_file_of_another_kind_is_refused_before_anything_is_called(moa: Moa, models: Simulator, data: Path) -> None:
    """A mixture file with another ending is refused at once."""
    done = moa("tune", str(data), *SEARCH, "--out", "best.yaml")
    assert done.code == 2
    assert "ends in .toml or .json" in done.err
    assert models.requests == []


@pytest.mark.usefixtures("models")
def test_models_are_needed(moa: Moa, data: Path) -> None:
    """Without a candidate there is nothing to search."""
    done = moa("tune", str(data))
    assert done.code == 2
    assert "--model" in done.err
