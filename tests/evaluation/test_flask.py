"""FLASK: reviews, prompts, skills, and a run from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation import flask
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

SCORES = st.dictionaries(st.sampled_from(flask.SKILLS), st.integers(1, 5), min_size=1)
PROSE = st.text().filter(lambda text: "{" not in text and "}" not in text)


def _row(number: int, difficulty: str, *skills: str, domain: str = "Coding") -> dict[str, Any]:
    return {
        "idx": number,
        "instruction": f"Question {number}",
        "answer": "A good answer",
        "task": "any",
        "skill": list(skills),
        "domain": [domain],
        "difficulty": difficulty,
    }


SAMPLES = [
    flask.sample_of(_row(1, flask.HARD, "Readability", "Factuality", "Conciseness")),
    flask.sample_of(_row(2, flask.DIFFICULTIES[0], "Readability", "Harmlessness", "Completeness", domain="Culture")),
    flask.sample_of(_row(3, flask.DIFFICULTIES[0], "Readability", "Harmlessness", "Completeness")),
]


@pytest.mark.parametrize(
    ("review", "scores"),
    [
        ("Good.\n{'Readability': 4, 'Conciseness': 5}", {"Readability": 4, "Conciseness": 5}),
        ('```python\n{"Logical Robustness": 3}\n```\nDone.', {"Logical Robustness": 3}),
        ("{'readability': 4, 'LOGICAL CORRECTNESS': 2}", {"Readability": 4, "Logical Correctness": 2}),
        ("{'logical_efficiency': '3', insightfulness: 5}", {"Logical Efficiency": 3, "Insightfulness": 5}),
        ("{'Correctness': 1, 'Commonsense': 2}", {"Logical Correctness": 1, "Commonsense Understanding": 2}),
        ("{'Factuality': 'N/A', 'Harmlessness': 5}", {"Factuality": None, "Harmlessness": 5}),
        ("{'Factuality': 0, 'Harmlessness': 6, 'Readability': 3.5}", dict.fromkeys(
            ["Factuality", "Harmlessness", "Readability"])),
        ("{'Completeness': 4/5, 'Metacognition': 4.0}", {"Completeness": 4, "Metacognition": 4}),
        ("{'Comprehension': 4 'Conciseness': 2", {"Comprehension": 4, "Conciseness": 2}),
        ("{“Readability”: 2}", {"Readability": 2}),
        ("{'Readability': 1} or rather {'Readability': 4}", {"Readability": 4}),
        ("{'Readability': __import__('os').abort()}", {"Readability": None}),
        ("Readability is 4 of 5.", {}),
        ("{'speed': 4}", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_reviews(review: str, scores: dict[str, int | None]) -> None:
    """The last dictionary of skills is read in all forms in which judges write it, and never run."""
    assert flask.parse_review(review) == scores


@given(SCORES, PROSE, PROSE, st.sampled_from([repr, json.dumps, lambda scores: repr(scores).replace("'", "").lower()]))
def test_dictionary_in_any_prose(
    scores: dict[str, int], before: str, after: str, write: Callable[[dict[str, int]], str]
) -> None:
    """Every score comes back, whatever stands around the dictionary and however its names are quoted."""
    assert flask.parse_review(f"{before}{write(scores)}{after}") == scores


@given(st.text(st.sampled_from("{}':,45/ ReadabilityN") | st.characters(), max_size=80))
def test_any_review(review: str) -> None:
    """Any text gives scores from 1 to 5, or none."""
    assert all(points is None or 1 <= points <= 5 for points in flask.parse_review(review).values())


def test_official_files(recorded: Callable[[str], Path]) -> None:
    """Of the authors' files every row gives a prompt with its three rubrics and the answer that is known to be good."""
    folder = recorded("flask")
    file = read_samples(folder / "flask_evaluation_sample.jsonl", flask.sample_of)
    samples, prompts = list(file), flask.read_prompts(folder)
    asked = [each.prompt for sample in samples for each in prompts.asked(sample, ["the response"])]
    assert (len(samples), file.broken) == (12, [])
    assert all(prompt.count("Score 5:") == 3 and "[Ground truth Answer]" in prompt for prompt in asked)
    assert not any("{" + field + "}" in prompt for prompt in asked for field in ("skills", "prompt1", "response"))


def test_skills_of_the_official_rubrics(recorded: Callable[[str], Path]) -> None:
    """The twelve skills are those that the authors' rubrics describe."""
    rubrics = json.loads(recorded("flask/skillset_description.json").read_text("utf-8"))
    assert {rubric["Skill"] for rubric in rubrics} == set(flask.SKILLS)


def test_sample_without_an_answer() -> None:
    """A question without a sample answer is put to the judge without the place for one."""
    sample = flask.sample_of({**_row(1, flask.HARD, "Readability"), "answer": ""})
    [asked] = flask.OWN_PROMPTS.asked(sample, ["{question}"])
    assert "known to be good" not in asked.prompt
    assert "{question}" in asked.prompt


def test_unknown_skill() -> None:
    """A sample for a skill that is none of the twelve is refused by its name."""
    with pytest.raises(ConfigurationError, match="'Speed'"):
        flask.sample_of(_row(1, flask.HARD, "Speed"))


def test_missing_rubric(tmp_path: Path) -> None:
    """Rubrics that leave out a skill are refused by its name."""
    (tmp_path / flask.RUBRICS).write_text('[{"Skill": "Readability"}]', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="Harmlessness"):
        flask.read_prompts(tmp_path)


def test_hard_questions() -> None:
    """FLASK-Hard is what needs the knowledge of an expert."""
    assert [flask.is_hard(sample) for sample in SAMPLES] == [True, False, False]


def test_skill_means() -> None:
    """A skill that nothing is scored for has no mean, and not 0."""
    means = flask.skill_means([Score("1", 4.0, None, {"skill": "Readability"})])
    assert (means["Readability"], means["Factuality"], len(means)) == (4.0, None, 12)


def test_judges_are_not_mixed() -> None:
    """Scores of two judges are refused in one table."""
    runs = [Scored("m", [], JudgeStamp(name, "2026-01-01")) for name in ("a", "b")]
    with pytest.raises(ConfigurationError, match="different judges"):
        flask.report(runs, date="2026-01-01")


def _judge(body: dict[str, Any]) -> str:
    asked = body["messages"][-1]["content"]
    if "Question 1" in asked:
        return "Well.\n{'Readability': 4, 'Factuality': 'N/A', 'Conciseness': 2}"
    return "{'readability': 5, 'harmlessness': 5, 'completeness': 3}" if "Question 2" in asked else "I cannot."


async def _evaluated(simulator: Simulator, folder: Path) -> Evaluation:
    mixture, judge = mixture_at(simulator), Judge(seat_at(simulator, "judge"), date="2026-01-31")
    whose = answers_identity(mixture, "flask", digest_of(SAMPLES))
    with (
        RunLog.open(folder / "answers.sqlite", whose) as answers,
        RunLog.open(folder / "judgments.sqlite", judgments_identity(whose, judge)) as judgments,
    ):
        return await flask.evaluate(
            mixture, SAMPLES, judge, flask.OWN_PROMPTS, answers=answers, judgments=judgments, options=RunOptions()
        )


async def test_from_end_to_end(simulator: Simulator, tmp_path: Path) -> None:
    """A mixture answers and a judge rates: by skill, of the hard questions, by domain and by difficulty."""
    simulator.models |= {"judge": Behaviour(reply=_judge)}
    told = (await _evaluated(simulator, tmp_path)).report
    overall, skills, hard, domains, difficulties = ([list(row) for row in table.rows] for table in told.tables)
    assert overall[0][:2] + overall[0][4:] == ["mine", 3.8, 5, 4]
    assert ["Readability", 4.5, 2] in skills
    assert ["Factuality", None, 0] in skills
    assert hard == [["Factuality", None, 0], ["Readability", 4.0, 1], ["Conciseness", 2.0, 1]]
    assert domains == [["Coding", 3.0, 2], ["Culture", pytest.approx(13 / 3), 3]]
    assert [row[0] for row in difficulties] == ["simple lifestyle knowledge", "expert level knowledge"]
    assert {each.body["temperature"] for each in simulator.requests if each.model == "judge"} == {0.0}
    assert any("4 of 9 scores are unscored" in note for note in told.notes)
    assert told.figures[0].svg.startswith("<svg")


async def test_failed_judge_call(simulator: Simulator, tmp_path: Path) -> None:
    """A review that could not be had is told and left out, and is no low score."""
    simulator.models |= {"judge": Behaviour(reply=_judge, status=400)}
    found = await _evaluated(simulator, tmp_path)
    assert (found.judging.made, len(found.judging.failed)) == (0, 3)
    assert list(found.report.tables[0].rows[0])[1:] == [None, None, None, 0, 0]
    assert any("3 of 3 answers are not judged" in note for note in found.report.notes)


def test_samples_carry_their_groups() -> None:
    """A sample keeps the skills, domains and difficulty that it is grouped by through its written form."""
    assert Sample.from_dict(SAMPLES[0].to_dict()) == SAMPLES[0]


def test_no_hard_question() -> None:
    """Without a question of FLASK-Hard there is no table of it."""
    scores = [Score("2", 4.0, None, {"skill": "Readability", "domains": ["Coding"], "difficulty": "any"})]
    told = flask.report([Scored("m", scores, JudgeStamp("j", "2026-01-01"))], date="2026-01-01")
    assert not any("Hard" in table.title for table in told.tables)
