"""MT-Bench: ratings, prompts, and a run of two turns from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa import Layer, Mixture, Proposer
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation import mt_bench
from langgraph_moa.evaluation.breakdowns import Scored
from langgraph_moa.evaluation.datasets import read_samples
from langgraph_moa.evaluation.generation import digest_of
from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.judgments import judgments_identity
from langgraph_moa.evaluation.rating import Evaluation, answers_identity
from langgraph_moa.evaluation.runs import RunLog, RunOptions
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import JudgeStamp, Score
from langgraph_moa.testing import Behaviour, Simulator
from tests.evaluation.serving import mixture_at, seat_at

OWN = mt_bench.JudgePrompts(mt_bench.OWN_PROMPTS, "own prompts")
QUESTIONS = [
    Sample("81", ("Write a poem.", "Make it shorter."), metadata={"category": "writing"}),
    Sample("111", ("What is 6 * 7?", "And twice that?"), metadata={"category": "math"}),
]


@pytest.mark.parametrize(
    ("judgment", "rating"),
    [
        ("Good. Rating: [[7]]", 7.0),
        ("Rating: [[7.5]].", 7.5),
        ("Rating: [7]", 7.0),
        ("As [1] says, all is well. Rating: [[9]]", 9.0),
        ("[[rating]] is to be given: [[ 3 ]]", 3.0),
        ("Rating: [[10]]", 10.0),
        ("Rating: [[0]]", None),
        ("Rating: [[11]]", None),
        ("Rating: [[-1]]", None),
        ("I would say 7 of 10", None),
        ("", None),
    ],
)
def test_ratings(judgment: str, rating: float | None) -> None:
    """A rating is read from double brackets, else from single ones, and is from 1 to 10 or none."""
    assert mt_bench.parse_rating(judgment) == rating


@given(st.text(), st.floats(1, 10).map(lambda rating: round(rating, 1)), st.text().filter(lambda text: "[" not in text))
def test_rating_in_any_text(after: str, rating: float, before: str) -> None:
    """The first rating in double brackets counts, whatever stands around it."""
    assert mt_bench.parse_rating(f"{before}[[{rating}]]{after}") == rating


@given(st.text(st.sampled_from("[]0123456789.- ") | st.characters()))
def test_any_judgment(judgment: str) -> None:
    """Any text has a rating from 1 to 10 or none."""
    rating = mt_bench.parse_rating(judgment)
    assert rating is None or 1 <= rating <= 10


def test_means() -> None:
    """The mean leaves out what is unscored, and of nothing there is none."""
    assert mt_bench.mean_score([8.0, None, 9.0]) == 8.5
    assert mt_bench.mean_score([None]) is None


def test_recorded_ratings(recorded: Callable[[str], Path]) -> None:
    """The 160 recorded judgments are read as they were, and their mean is 8.3125."""
    lines = recorded("mt_bench/recorded_judgments.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    ratings = [mt_bench.parse_rating(row["judgment_tail"]) for row in rows]
    assert ratings == [float(row["score"]) for row in rows]
    assert (len(ratings), mt_bench.mean_score(ratings)) == (160, 8.3125)


def test_official_files(recorded: Callable[[str], Path]) -> None:
    """Of the authors' files every question gives two prompts, with the reference where there is one."""
    folder = recorded("mt_bench")
    file = read_samples(folder / mt_bench.QUESTIONS, mt_bench.sample_of)
    samples, prompts = list(file), mt_bench.read_prompts(folder)
    asked = [each for sample in samples for each in prompts.asked(sample, ["first answer", "second answer"])]
    assert (len(samples), len(asked), file.broken) == (80, 160, [])
    with_reference = {each.about["category"] for each in asked if "math" in each.about["prompt"]}
    assert with_reference == set(mt_bench.WITH_REFERENCE)
    assert all("second answer" in each.prompt for each in asked if each.about["turn"] == 2)
    assert not any("{" + field + "}" in each.prompt for each in asked for field in ("question", "answer", "answer_2"))


def test_braces_in_an_answer() -> None:
    """An answer that holds the name of a field is shown to the judge as it is."""
    [first, _] = OWN.asked(QUESTIONS[0], ["{question} {answer}", "-"])
    assert "{question} {answer}" in first.prompt
    assert first.prompt.count("Write a poem.") == 1


def test_missing_prompt(tmp_path: Path) -> None:
    """A file of prompts that lacks one is refused by the names of those that are missing."""
    row = {"name": "single-v1", "system_prompt": "", "prompt_template": ""}
    (tmp_path / mt_bench.PROMPTS).write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="single-math-v1"):
        mt_bench.read_prompts(tmp_path)


def test_own_prompts_without_files(tmp_path: Path) -> None:
    """Without files the wording is our own, and says so."""
    assert mt_bench.read_prompts(tmp_path).source == "own prompts, no reference answers"


@pytest.mark.parametrize(("category", "temperature"), [("writing", 0.7), ("math", 0.0), ("stem", 0.1)])
def test_category_temperatures(category: str, temperature: float) -> None:
    """Every seat, nested ones included, is asked at the category's temperature for 1,024 tokens."""
    inner = Mixture.of(["openai:a"], "openai:b", name="inner")
    mixture = Mixture([Layer([inner, Proposer("openai:c", temperature=1)], aggregator="openai:d")], "openai:e")
    changed = mt_bench.generating(mixture, category)
    nested = changed.seats[0].model
    assert isinstance(nested, Mixture)
    seats = [*changed.seats[1:], *nested.seats]
    assert {(seat.temperature, seat.max_tokens) for seat in seats} == {(temperature, 1024)}


def test_judges_are_not_mixed() -> None:
    """Scores of two judges are refused in one table."""
    one, other = (Scored("m", [Score("1", 5.0, None, {"turn": 1, "category": "x"})], JudgeStamp(name, "2026-01-01"))
                  for name in ("a", "b"))  # fmt: skip
    with pytest.raises(ConfigurationError, match="different judges"):
        mt_bench.report([one, other], date="2026-01-01")


def test_nothing_scored() -> None:
    """A report without a single score says `None`, and not 0."""
    scores = [Score.unscored("1", "no rating", turn=1, category="math")]
    told = mt_bench.report([Scored("m", scores, JudgeStamp("j", "2026-01-01"))], date="2026-01-01")
    assert list(told.tables[0].rows[0]) == ["m", None, None, None, 0, 1]


def _judge(body: dict[str, Any]) -> str:
    asked = body["messages"][-1]["content"]
    if "And twice that?" in asked:
        return "I cannot decide."
    return "Fine. Rating: [[9]]" if "Make it shorter." in asked else "Rating: [[6]]"


async def _evaluated(simulator: Simulator, folder: Path, judge_name: str = "judge") -> Evaluation:
    mixture = mixture_at(simulator)
    judge = Judge(seat_at(simulator, judge_name), settings="MT-Bench, own prompts", date="2026-01-31")
    whose = answers_identity(mixture, "mt-bench", digest_of(QUESTIONS))
    with (
        RunLog.open(folder / "answers.jsonl", whose) as answers,
        RunLog.open(folder / "judgments.jsonl", judgments_identity(whose, judge)) as judgments,
    ):
        return await mt_bench.evaluate(
            mixture, QUESTIONS, judge, OWN, answers=answers, judgments=judgments, options=RunOptions()
        )


async def test_from_end_to_end(simulator: Simulator, tmp_path: Path) -> None:
    """A mixture answers two turns, a judge rates them, and what cannot be read is unscored and counted apart."""
    simulator.models |= {
        "good": Behaviour(reply="a proposal"),
        "merge": Behaviour(reply="the merged answer"),
        "judge": Behaviour(reply=_judge),
    }
    told = (await _evaluated(simulator, tmp_path)).report
    assert list(told.tables[0].rows[0])[:2] == ["mine", 7.0]
    assert list(told.tables[0].rows[0])[4:] == [3, 1]
    assert [list(row) for row in told.tables[1].rows] == [["turn 1", 6.0, 2], ["turn 2", 9.0, 1]]
    assert [list(row) for row in told.tables[2].rows] == [["writing", 7.5, 2], ["math", 6.0, 1]]
    assert {table.judge for table in told.tables} == {told.tables[0].judge}
    assert any("1 of 4 scores are unscored" in note for note in told.notes)


async def test_history_carries_the_answer_alone(simulator: Simulator, tmp_path: Path) -> None:
    """In the second turn every proposer is asked anew, and sees the answer of the first and no proposal."""
    simulator.models |= {
        "good": Behaviour(reply="a proposal"),
        "merge": Behaviour(reply="the merged answer"),
        "judge": Behaviour(reply=_judge),
    }
    await _evaluated(simulator, tmp_path)
    second = [each.body for each in simulator.requests if each.model == "good" and len(each.body["messages"]) == 3]
    assert len(second) == 2
    for body in second:
        assert body["messages"][1] == {"role": "assistant", "content": "the merged answer"}
        assert "a proposal" not in json.dumps(body)
    assert {body["temperature"] for body in second} == {0.7, 0.0}


async def test_failed_judge_calls_are_made_again(simulator: Simulator, tmp_path: Path) -> None:
    """A call of the judge that fails is told and left out; the next run makes that one alone."""
    simulator.models |= {"judge": Behaviour(reply=_judge, schedule=["context_length"])}
    first = await _evaluated(simulator, tmp_path)
    assert (first.judging.made, len(first.judging.failed)) == (3, 1)
    assert any("1 of 4 answers are not judged" in note for note in first.report.notes)
    simulator.requests.clear()
    second = await _evaluated(simulator, tmp_path)
    assert (second.judging.made, second.judging.reused, second.answering.made) == (1, 3, 0)
    assert [each.model for each in simulator.requests] == ["judge"]


async def test_judge_among_the_proposers(simulator: Simulator, tmp_path: Path) -> None:
    """A judge that is a proposer as well is told in the report's notes."""
    told = (await _evaluated(simulator, tmp_path, judge_name="good")).report
    assert any("also a proposer of 'mine'" in note for note in told.notes)


def test_half_a_reference_is_none() -> None:
    """A reference for the first turn alone is not shown: the general prompt is asked for both turns."""
    prompts = mt_bench.JudgePrompts(mt_bench.OWN_PROMPTS, "own prompts", {"111": ["42"]})
    assert [each.about["prompt"] for each in prompts.asked(QUESTIONS[1], ["a", "b"])] == [
        "single-v1",
        "single-v1-multi-turn",
    ]
