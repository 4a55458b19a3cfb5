"""Claims about recorded answers of real models, as proposers."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from langgraph_moa import Aggregator, ConfigurationError, Mixture, QuorumError, create_moa
from langgraph_moa.evaluation.recorded import RecordedAnswer, RecordedAnswers, read_recorded

QUESTION = "How many?"


def write(path: Path, *rows: object) -> Path:
    """Write a file of recorded answers."""
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


@given(st.dictionaries(st.text(min_size=1).filter(str.strip), st.text(), min_size=1))
def test_each_question_has_its_answer(answers: dict[str, str]) -> None:
    """Every recorded question gets its own answer, byte for byte."""
    model = RecordedAnswers(model_name="red", answers=answers)
    assert {question: model.invoke([HumanMessage(question)]).content for question in answers} == answers


def test_tokens() -> None:
    """Tokens are told where they are recorded, and not where they are not."""
    known = RecordedAnswer(text="4", input_tokens=7, output_tokens=1, finish_reason="stop")
    model = RecordedAnswers(model_name="red", answers={QUESTION: known, "And now?": "5"})
    told, silent = model.invoke(QUESTION), model.invoke("And now?")
    assert told.usage_metadata == {"input_tokens": 7, "output_tokens": 1, "total_tokens": 8}
    assert told.response_metadata["finish_reason"] == "stop"
    assert silent.usage_metadata is None


async def test_waits() -> None:
    """An answer takes the recorded seconds where it is told to, and no time where it is not."""
    answers = {QUESTION: RecordedAnswer(text="4", seconds=0.2)}
    started = time.monotonic()
    await RecordedAnswers(model_name="red", answers=answers).ainvoke(QUESTION)
    at_once, started = time.monotonic() - started, time.monotonic()
    await RecordedAnswers(model_name="red", answers=answers, waits=True).ainvoke(QUESTION)
    assert at_once < 0.2 <= time.monotonic() - started + 0.01


def test_an_unknown_question() -> None:
    """A question that was not recorded is an error that names the model and the question, and what to do."""
    model = RecordedAnswers(model_name="red", answers={QUESTION: "4"})
    with pytest.raises(QuorumError, match=r"red has no recorded answer to 'Why\?'; it has 1 answers"):
        create_moa(Mixture.of([model], Aggregator(strategy="vote"))).invoke({"messages": [("user", "Why?")]})


def test_a_file(tmp_path: Path) -> None:
    """Every model of a file answers; a broken line is named, and the others are read."""
    path = write(
        tmp_path / "replay.jsonl",
        {"id": "a", "question": "One?", "gold": 1.0, "level": 3, "proposals": {"red": {"text": "1"}, "blue": "one"}},
        '{"id": "b"',
        {"id": "c", "question": "Two?", "proposals": {"red": "2"}},
        {"id": "d", "question": "Three?", "proposals": {"red": {"words": "3"}}},
    )
    recorded = read_recorded(path)
    assert {name: dict(model.answers) for name, model in recorded.models.items()} == {
        "red": {"One?": RecordedAnswer(text="1"), "Two?": RecordedAnswer(text="2")},
        "blue": {"One?": RecordedAnswer(text="one")},
    }
    assert [(sample.id, sample.target, sample.metadata) for sample in recorded.samples] == [
        ("a", "1", {"level": 3}),
        ("c", None, {}),
    ]
    assert [line.line for line in recorded.broken] == [2, 4]


def test_two_answers_to_one_question(tmp_path: Path) -> None:
    """A model with two answers to the same question is refused by name."""
    rows = [{"id": name, "question": "One?", "proposals": {"red": name}} for name in "ab"]
    with pytest.raises(ConfigurationError, match="red gives two answers to the question of 'b'"):
        read_recorded(write(tmp_path / "replay.jsonl", *rows))


@pytest.mark.skipif("LANGGRAPH_MOA_DATA" not in os.environ, reason="LANGGRAPH_MOA_DATA does not name the recorded data")
def test_a_mixture_of_real_answers() -> None:
    """Six open models, voting, answer the 30 recorded questions of GSM8K with no provider."""
    recorded = read_recorded(Path(os.environ["LANGGRAPH_MOA_DATA"]) / "reasoning" / "gsm8k_replay.jsonl")
    mixture = Mixture.of(list(recorded.models.values()), Aggregator(strategy="vote"), name="six")
    outputs = create_moa(mixture).batch([{"messages": [("user", sample.turns[0])]} for sample in recorded.samples])
    assert (len(recorded.models), len(outputs)) == (6, 30)
    assert all(proposal["status"] == "ok" for output in outputs for proposal in output["proposals"])
    texts = [{proposal["text"] for proposal in output["proposals"]} for output in outputs]
    assert all(output["messages"][-1].text in given for output, given in zip(outputs, texts, strict=True))
