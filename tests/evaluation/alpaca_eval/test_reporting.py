"""The report."""

from __future__ import annotations

from dataclasses import replace

from langgraph_moa.evaluation.alpaca_eval import report
from langgraph_moa.evaluation.pages import from_json, to_json, to_markdown
from langgraph_moa.evaluation.scores import JudgeStamp
from tests.evaluation.alpaca_eval.test_comparing import compared

JUDGE = JudgeStamp("openai:judge", "2026-01-01", "both orders")


def test_each_model_is_a_row_below_one_judge() -> None:
    """Every model is a row of one table, which names its judge and the day on which it judged."""
    found = report({"moa": compared(1.0, 0.5), "single": compared(0.0, None)}, JUDGE, gamed=None, baseline="gpt4")
    [table] = found.tables
    assert [row[0] for row in table.rows] == ["moa", "single"]
    assert [row[2] for row in table.rows] == [75.0, 0.0]
    assert table.judge == JUDGE._replace(date="2026-01-02")
    assert "gpt4" in table.title


def test_days_are_told_from_first_to_last() -> None:
    """Judgments of several days are dated by the first and the last."""
    first, second, third = compared(1.0, 1.0, 1.0)
    days = [replace(second, date="2026-01-05"), first, replace(third, date="2026-01-03")]
    assert report({"moa": days}, JUDGE, gamed=None).tables[0].judge == JUDGE._replace(date="2026-01-02 to 2026-01-05")


def test_the_figure_shows_both_rates() -> None:
    """The figure has a bar for each rate of each model, and says which is unknown."""
    [figure] = report({"moa": compared(1.0, 0.5)}, JUDGE, gamed=None, baseline="gpt4").figures
    assert figure.svg.startswith("<svg")
    assert "moa: raw" in figure.description


def test_no_model_is_no_error() -> None:
    """A report of nobody is a table without rows."""
    assert list(report({}, JUDGE, gamed=None).tables[0].rows) == []


def test_warnings_come_first() -> None:
    """The notes begin with the warnings, and go on with the remarks, named where there are several models."""
    found = report({"a": compared(1.0), "b": compared(None)}, JUDGE, gamed=None, notes=["the judge is a proposer"])
    assert found.notes[0] == "the judge is a proposer"
    assert any(note.startswith("b: 1 of 1 comparisons are unscored") for note in found.notes)


def test_the_report_can_be_written() -> None:
    """A report without any rate is written as Markdown and comes back from JSON."""
    found = report({"moa": compared(None)}, JUDGE, gamed=None)
    assert "–" in to_markdown(found)
    assert to_json(from_json(to_json(found))) == to_json(found)
