"""The question set and what is measured with it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from langgraph_moa.offline import DEFAULT_READERS, READER_NAMES
from langgraph_moa.offline.accuracy import (
    Accuracy,
    Question,
    QuestionSet,
    Score,
    format_table,
    load_questions,
    measure,
)
from langgraph_moa.offline.corpus import read_corpus
from langgraph_moa.offline.packaged_docs import packaged_documents

pytestmark = pytest.mark.xdist_group("accuracy")


@cache
def measured(name: QuestionSet) -> Accuracy:
    """Measure a packaged question set, which takes seconds, once."""
    return measure(load_questions(name))


@pytest.fixture
def result() -> Accuracy:
    """The first packaged question set, measured."""
    return measured("questions")


@pytest.mark.parametrize(("name", "least"), [("questions", 40), ("held_out", 80)])
def test_question_set(name: QuestionSet, least: int) -> None:
    """The questions differ, and every answer is a sentence of the packaged pages."""
    questions = load_questions(name)
    sentences = {passage.text for passage in read_corpus(packaged_documents()).passages}
    assert len({question.text for question in questions}) == len(questions) >= least
    assert [answer for question in questions for answer in question.answers if answer not in sentences] == []
    assert all(question.answers for question in questions)


@pytest.mark.parametrize("name", ["questions", "held_out"])
def test_questions_are_not_copies(name: QuestionSet) -> None:
    """No question stands in the pages."""
    pages = " ".join(document.text for document in packaged_documents())
    assert [question.text for question in load_questions(name) if question.text in pages] == []


@pytest.mark.parametrize(("name", "column"), [("questions", 1), ("held_out", 2)])
def test_the_readme_shows_what_is_measured(name: QuestionSet, column: int) -> None:
    """The README's numbers are those of `moa eval offline`, but for what rounding does on another machine."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    row = re.compile(r"^\| (?:`offline:|\*\*)(\w+)[^|]*\| (\d+) of (\d+) \| (\d+) of (\d+) \|$", re.MULTILINE)
    shown = {found[1]: (int(found[2 * column]), int(found[2 * column + 1])) for found in row.finditer(readme)}
    result = measured(name)
    found = {score.name: score for score in (*result.readers, result.mixture)}
    assert set(shown) == set(found)
    for reader, score in found.items():
        correct, total = shown[reader]
        assert total == score.total
        assert abs(correct - score.correct) <= 2


def test_mixture_beats_its_best_reader(result: Accuracy) -> None:
    """The mixture answers more questions right at once than any single reader."""
    assert {score.name for score in result.readers} == set(READER_NAMES)
    assert result.mixture.correct > result.best_reader.correct


def test_far_above_chance(result: Accuracy) -> None:
    """Every reader is right on at least a third of the questions, among more than 200 sentences."""
    assert all(score.accuracy > 1 / 3 for score in (*result.readers, result.mixture))


def test_table(result: Accuracy) -> None:
    """The table shows every reader and the mixture, and says that no language model took part."""
    table = format_table(result)
    assert all(name in table for name in (*READER_NAMES, "mixture"))
    assert f"{result.mixture.correct}/{result.mixture.total}" in table
    assert "No language model took part" in table


def test_table_of_a_mixture_that_loses() -> None:
    """A mixture that does worse than a reader is reported as it is."""
    table = format_table(Accuracy((Score("bm25", 3, 4), Score("lsa", 1, 4)), Score("mixture", 2, 4)))
    assert "1 fewer of 4" in table
    assert "bm25" in table.splitlines()[-1]


def test_own_questions() -> None:
    """Questions and readers can be chosen."""
    question = Question("Which Python version is required?", ("langgraph-moa needs Python 3.11 or newer.",))
    own = measure([question], readers=["bm25"], proposers=DEFAULT_READERS[:2])
    assert [score.name for score in own.readers] == ["bm25"]
    assert own.mixture.total == 1
