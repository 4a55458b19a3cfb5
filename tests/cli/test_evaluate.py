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
    monkeypatch.setattr(accuracy, "measure", lambda: RESULT)


def test_the_table_is_printed(moa: Moa) -> None:
    """`moa eval offline` prints the accuracy of each reader and of the mixture."""
    assert moa("eval", "offline") == (0, f"{accuracy.format_table(RESULT)}\n", "")


def test_the_scores_as_json(moa: Moa) -> None:
    """`--json` prints the scores as a list, the mixture last."""
    scores = json.loads(moa("eval", "offline", "--json").out)
    assert scores[-1] == {"name": "mixture", "correct": 3, "total": 4, "accuracy": 0.75}
