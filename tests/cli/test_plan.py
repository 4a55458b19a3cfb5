"""`moa plan`."""

from __future__ import annotations

import json
from pathlib import Path

from langgraph_moa import load_preset
from tests.cli.conftest import Moa, models


def test_the_plan_as_json(moa: Moa) -> None:
    """`--json` prints the mixture's own plan: calls, depth, slots."""
    done = moa("plan", "--preset", "together-moa", "--json")
    assert json.loads(done.out) == load_preset("together-moa").plan().to_dict()


def test_the_table_has_totals(moa: Moa) -> None:
    """The table lists every call, sums them up, dates its prices and names what has none."""
    out = moa("plan", "-p", "self-moa").out
    assert out.count("together:microsoft/WizardLM-2-8x22B") == 7
    assert "self-moa: 7 calls, depth 2" in out
    assert "prices of 20" in out
    assert "without a known cost: together:microsoft/WizardLM-2-8x22B" in out


def test_question_and_files_count(moa: Moa, tmp_path: Path) -> None:
    """What would be asked counts as input tokens, files among it."""
    path = tmp_path / "long.md"
    path.write_text("word " * 1000)

    def tokens(*arguments: str) -> int:
        return int(json.loads(moa("plan", *arguments, "--json", *models("openai:a")).out)["slots"][0]["input_tokens"])

    assert tokens() < tokens("a question of some words") < tokens("q", "--file", str(path))
    assert tokens("--file", str(path)) > 1000


def test_no_key_is_needed(moa: Moa) -> None:
    """A plan is made without keys, and says what was chosen on stderr alone."""
    done = moa("plan", *models("openai:a"))
    assert done.code == 0
    assert "using the models given" in done.err
    assert "using the models given" not in done.out
