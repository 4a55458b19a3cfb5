"""Our metrics on recorded data, beside what was published of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from langgraph_moa import ConfigurationError
from langgraph_moa.evaluation import published
from langgraph_moa.evaluation.pages import to_markdown
from langgraph_moa.evaluation.reports import Report

needs_data = pytest.mark.skipif(
    not os.environ.get("LANGGRAPH_MOA_DATA"), reason="LANGGRAPH_MOA_DATA names no folder of recorded data"
)


@pytest.fixture(scope="module")
def report() -> Report:
    """Return the whole report, made once."""
    return published.report(os.environ["LANGGRAPH_MOA_DATA"])


def cells(report: Report, title: str) -> dict[str, list[object]]:
    """Return the rows of a table by their first cell."""
    [table] = [table for table in report.tables if table.title.startswith(title)]
    return {str(row[0]): list(row[1:]) for row in table.rows}


@needs_data
def test_win_rates(report: Report) -> None:
    """Of all 15 recorded models the raw win rate is the published one, and the length-controlled one within 0.16."""
    rows = cells(report, "AlpacaEval 2.0 from recorded preferences")
    assert len(rows) == 15
    for raw, our_raw, controlled, ours, _ in rows.values():
        assert our_raw == raw
        assert ours == pytest.approx(controlled, abs=0.16)


@needs_data
def test_published_weights(report: Report) -> None:
    """From the published weights, three leaderboard rows come out to three decimals."""
    rows = cells(report, "AlpacaEval 2.0 from the leaderboard")
    assert {model: ours for model, (_, ours) in rows.items()} == {
        "Together-MoA": 65.380,
        "Together-MoA-Lite": 59.142,
        "gpt-4o-2024-05-13": 57.457,
    }


@needs_data
def test_mt_bench(report: Report) -> None:
    """The recorded judgments give 8.3125, and each is read as it was recorded."""
    assert list(cells(report, "MT-Bench").values()) == [[160, 0, 0, 8.3125]]


@needs_data
def test_votes(report: Report) -> None:
    """Six open models' plurality beats the best of them, and waves reach it at no more than 45 % of its calls."""
    rows = cells(report, "Accuracy against calls")
    assert rows["Meta-Llama-3-70B-Instruct"][0] == 93.03
    assert rows["plurality"][0] == pytest.approx(94.9, abs=0.05)
    accuracy, _, share = rows["2 first"]
    assert isinstance(accuracy, float)
    assert isinstance(share, float)
    assert accuracy >= 94.9
    assert share <= 0.45


def test_missing_data(tmp_path: Path) -> None:
    """A folder without the data is refused with the first file that is missing."""
    with pytest.raises(ConfigurationError, match=r"gsm8k_answers\.jsonl is missing"):
        published.report(tmp_path)


@needs_data
def test_the_page_shows_these_figures(report: Report) -> None:
    """`docs/evaluation.md` holds every row of the report, and its figure, as the command writes them."""
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "evaluation.md").read_text(encoding="utf-8")
    rows = [line for line in to_markdown(report).splitlines() if line.startswith("|")]
    assert [row for row in rows if row not in page] == []
    drawn = (docs / "figures" / "accuracy-against-calls.svg").read_text(encoding="utf-8")
    assert drawn.strip() == report.figures[0].svg.strip()
