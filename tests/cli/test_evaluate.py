"""`moa eval`."""

from __future__ import annotations

import json

import pytest

from langgraph_moa.offline import accuracy
from tests.cli.conftest import Moa

RESULT = accuracy.Accuracy((accuracy.Score("bm25", 1, 4),), accuracy.Score("mixture", 3, 4))


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure in no time."""
    monkeypatch.setattr(accuracy, "measure", lambda questions: RESULT)


def test_the_tables_are_printed(moa: Moa) -> None:
    """`moa eval offline` prints the accuracy of each reader and of the mixture, over both question sets."""
    code, out, _ = moa("eval", "offline")
    assert (code, out.count(accuracy.format_table(RESULT))) == (0, 2)
    assert "Held-out questions" in out


def test_the_scores_as_json(moa: Moa) -> None:
    """`--json` prints the scores by question set, each a list with the mixture last."""
    scores = json.loads(moa("eval", "offline", "--json").out)
    assert set(scores) == {"questions", "held_out"}
    assert scores["held_out"][-1] == {"name": "mixture", "correct": 3, "total": 4, "accuracy": 0.75}
