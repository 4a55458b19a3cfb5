"""Recorded answers, read from files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.answer_sheets import AnswerSheet, final_answer, read_answers


def written(tmp_path: Path, *lines: Any) -> Path:
    """Write JSON lines, or text as it is, into a file."""
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def question(name: str, **answers: Any) -> dict[str, Any]:
    """Return a question whose right answer is 4."""
    return {"id": name, "gold": "#### 4", "answers": answers}


def test_one_question_a_line(tmp_path: Path) -> None:
    """Answers may be numbers, texts that end in one, or null, and equal values are equal texts."""
    sheet = read_answers(
        written(tmp_path, question("1", a=4, b="2 + 2 is 4.0, so the answer is **4**."), question("2", a=None, b=5))
    )
    assert sheet == AnswerSheet(["4", "4"], {"a": ["4", None], "b": ["4", "5"]}, broken=[])


def test_one_model_a_line(tmp_path: Path) -> None:
    """The right answers stand first, and each model's beside its name."""
    path = written(
        tmp_path, {"gold": [18.0, None]}, {"model": "a", "answers": [18, 3]}, {"model": "b", "answers": [None, 2.5]}
    )
    assert read_answers(path) == AnswerSheet(["18", None], {"a": ["18", "3"], "b": [None, "2.5"]}, broken=[])


def test_a_question_without_a_right_answer_is_kept(tmp_path: Path) -> None:
    """Where `gold` is missing, it is unknown."""
    assert read_answers(written(tmp_path, {"id": 1, "answers": {"a": 1}})).gold == [None]


def test_only_questions_that_all_were_asked_count(tmp_path: Path) -> None:
    """A question that one of the models is missing from is left out, and counted."""
    sheet = read_answers(written(tmp_path, question("1", a=4, b=4), question("2", a=4), question("3", a=4, b=None)))
    assert (len(sheet.gold), sheet.left_out) == (2, 1)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{not json", "Expecting"),
        ("[1]", "a list"),
        ({"id": "x"}, "'answers'"),
        (question("x", a=True), "true"),
        (question("x", a=[4]), "[4]"),
        ({"id": "x", "answers": [1]}, "table"),
    ],
)
def test_a_broken_line_is_told(tmp_path: Path, line: Any, why: str) -> None:
    """A line that is no question is named by file and line with what is wrong, and the others are read."""
    path = written(tmp_path, question("1", a=4), line, question("2", a=5))
    sheet = read_answers(path)
    (broken,) = sheet.broken
    assert (broken.path, broken.line, len(sheet.gold)) == (str(path), 2, 2)
    assert why in broken.why


@pytest.mark.parametrize("line", [{"model": "b", "answers": [1]}, {"model": "b"}, {"model": "b", "answers": "12"}])
def test_a_model_with_other_questions_is_told(tmp_path: Path, line: Any) -> None:
    """A model whose answers are not as many as the questions is a broken line."""
    path = written(tmp_path, {"gold": [1, 2]}, {"model": "a", "answers": [1, 2]}, line)
    sheet = read_answers(path)
    assert list(sheet.answers) == ["a"]
    assert [broken.line for broken in sheet.broken] == [3]


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ([question("q", a=1), question("q", a=2)], "line 1 and again on line 2"),
        ([{"gold": [1]}, {"model": "m", "answers": [1]}, {"model": "m", "answers": [2]}], ":3: the model 'm'"),
        ([], "holds no answers"),
        (["{"], ":1: "),
        ([{"gold": [1]}], "holds no answers"),
        ([question("1", a=1), question("2", b=1)], "holds no answers"),
    ],
)
def test_a_file_that_cannot_be_compared_is_refused(tmp_path: Path, lines: list[Any], named: str) -> None:
    """Two lines of one id or model, and a file without a question that all answered, are errors that say where."""
    with pytest.raises(ConfigurationError, match=named):
        read_answers(written(tmp_path, *lines))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is an error with its name."""
    with pytest.raises(ConfigurationError, match="nowhere"):
        read_answers(tmp_path / "nowhere.jsonl")


@pytest.mark.parametrize(
    ("given", "final"),
    [
        ("Paris", "paris"),
        ("", None),
        (float("nan"), None),
        (70000.0, "70000"),
        ("I do not know.\nNobody does.", None),
        ("$1,000", "1000"),
    ],
)
def test_final_answers(given: Any, final: str | None) -> None:
    """A short text is an answer, case aside, a number has one way to be written, and prose without one is none."""
    assert final_answer(given) == final


def test_an_unknown_model_is_named() -> None:
    """Choosing among models that are not in the sheet says which there are."""
    sheet = AnswerSheet(["1"], {"a": ["1"], "b": ["2"]})
    assert list(sheet.only(["b"]).answers) == ["b"]
    with pytest.raises(ConfigurationError, match=r"no answers of 'c'; there are those of a, b"):
        sheet.only(["a", "c"])


def test_a_sheet_of_other_lengths_is_refused() -> None:
    """A model with more answers than there are questions is an error."""
    with pytest.raises(ConfigurationError, match="'a' has 2 answers to 1 questions"):
        AnswerSheet(["1"], {"a": ["1", "2"]})


@pytest.mark.skipif("LANGGRAPH_MOA_DATA" not in os.environ, reason="LANGGRAPH_MOA_DATA names no recorded data")
def test_the_recorded_answers_are_read() -> None:
    """The recorded GSM8K answers are 44 models' to 1,319 questions, every line of them read."""
    sheet = read_answers(Path(os.environ["LANGGRAPH_MOA_DATA"], "reasoning", "gsm8k_answers.jsonl"))
    assert (len(sheet.answers), len(sheet.gold), sheet.broken) == (44, 1319, [])
