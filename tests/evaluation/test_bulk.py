"""Bulk answers: the questions, and the file that is their log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from langgraph_moa import ConfigurationError
from langgraph_moa.evaluation.bulk import AnswerFile, read_question, run_file
from langgraph_moa.evaluation.runs import Identity

IDENTITY = Identity("answers", "mine", "f1")


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"question": "Why?"}, "id must be"),
        ({"id": None, "question": "Why?"}, "id must be"),
        ({"id": True, "question": "Why?"}, "got true"),
        ({"id": "", "question": "Why?"}, 'got ""'),
        ({"id": 1.5, "question": "Why?"}, "got 1.5"),
        ({"id": "a"}, "question must be"),
        ({"id": "a", "question": " "}, "not blank"),
        ({"id": "a", "question": ["Why?"]}, "question must be"),
    ],
)
def test_what_is_no_question_is_refused(table: dict[str, Any], why: str) -> None:
    """An id is a text or a whole number, and a question is a text that says something."""
    with pytest.raises(ConfigurationError, match=why):
        read_question(table)


def test_a_number_may_be_an_id() -> None:
    """The key of a numbered question is text, and the number itself is kept."""
    sample = read_question({"id": 7, "question": "Why?", "topic": "sky"})
    assert (sample.id, sample.turns, sample.metadata) == ("7", ("Why?",), {"id": 7})


def test_lines_hold_nothing_but_answers(tmp_path: Path) -> None:
    """Each line of the file is what was appended; of which run it is stands beside it."""
    path = tmp_path / "out.jsonl"
    with AnswerFile(path, IDENTITY) as log:
        log.append("7", {"id": 7, "answer": "blue"})
    with AnswerFile(path, IDENTITY) as log:
        assert "7" in log
        log.append("b", {"id": "b", "answer": "red"})
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [7, "b"]
    assert json.loads(run_file(path).read_text())["fingerprint"] == "f1"


def test_an_empty_file_belongs_to_nobody(tmp_path: Path) -> None:
    """Where no answer is there yet, another mixture may begin; once there is one, both fingerprints are shown."""
    path = tmp_path / "out.jsonl"
    AnswerFile(path, Identity("answers", "other", "f0")).close()
    with AnswerFile(path, IDENTITY) as log:
        log.append("a", {"id": "a"})
    with pytest.raises(ConfigurationError, match=r"f1.*f0"):
        AnswerFile(path, Identity("answers", "other", "f0"))


@pytest.mark.parametrize("beside", [None, "oops", "[]"])
def test_answers_that_no_run_claims_are_refused(tmp_path: Path, beside: str | None) -> None:
    """Without the file beside it, or with one that says nothing, answers are not gone on with."""
    path = tmp_path / "out.jsonl"
    path.write_text('{"id": "a", "answer": "by hand"}')
    if beside is not None:
        run_file(path).write_text(beside)
    with pytest.raises(ConfigurationError, match=r"out\.jsonl"):
        AnswerFile(path, IDENTITY)
    assert path.read_text() == '{"id": "a", "answer": "by hand"}'
