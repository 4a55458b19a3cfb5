r"""GSM8K and MATH: what is right, how files are read, and a run from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.evaluation import reasoning
from langgraph_moa.evaluation.breakdowns import Scored
from langgraph_moa.evaluation.generation import digest_of
from langgraph_moa.evaluation.rating import answers_identity
from langgraph_moa.evaluation.reports import Report
from langgraph_moa.evaluation.runs import Outcome, RunLog, RunOptions
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import Score
from langgraph_moa.testing import Behaviour, Simulator
from tests.evaluation.serving import mixture_at

MATH = [
    {"problem": "One half?", "level": "Level 1", "type": "Algebra", "solution": r"So \boxed{\frac{1}{2}}."},
    {"problem": "Which?", "level": "Level 5", "type": "Geometry", "solution": r"Hence \boxed{(1, 2)}."},
    {"problem": "Two?", "level": "Level 5", "type": "Algebra", "solution": r"It is \boxed{2}."},
]


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        ("42", 42, True),
        ("42", 42.0, True),
        ("42.0", "42", True),
        ("4,200", 4200.0, True),
        (7, "7", True),
        ("0.333333", "1/3", True),
        ("0.33", "1/3", False),
        ("1000001", "1000000", False),
        ("0", "0.0000001", False),
        ("5", "2 + 3 = 5\n#### 5", True),
        (r"\frac12", 0.5, True),
        ("(1,2)", r"so \boxed{\left(1, 2\right)}", True),
        ("(2,1)", "(1,2)", False),
        ("x", "y", False),
        ("", "", False),
        (None, 0, False),
    ],
)
def test_right_answers(answer: str | float | None, gold: str | float, right: object) -> None:
    """An answer is right when it has the value of the right one, within a millionth where it is no whole number."""
    assert reasoning.is_correct(answer, gold) is right


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_itself(number: float) -> None:
    """Every number that is written down is right when it is the right one."""
    assert reasoning.is_correct(repr(number), number)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_texts(answer: str, gold: str) -> None:
    """Any two texts are compared without an error."""
    assert reasoning.is_correct(answer, gold) in (True, False)


@given(st.none() | st.text(), st.floats() | st.integers())
def test_no_answer_is_wrong(answer: str | None, gold: float) -> None:
    """Without an answer nothing is right, whatever number is asked for, infinities included."""
    assert isinstance(reasoning.is_correct(answer, gold), bool)
    assert not reasoning.is_correct(None, gold)


def test_gsm8k_files(tmp_path: Path) -> None:
    """GSM8K's lines are read; one without a result is told by its line, and the others are there."""
    rows = [{"question": "6 * 7?", "answer": "6 * 7 = 42\n#### 42"}, {"question": "?", "answer": "so it goes"}, {}]
    path = tmp_path / "test.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for given_path in (path, tmp_path):
        file = reasoning.read_problems("gsm8k", given_path)
        [sample] = file
        assert (sample.target, sample.turns[0].startswith("6 * 7?")) == ("42", True)
        assert [broken.line for broken in file.broken] == [2, 3]


def test_math_folder(tmp_path: Path) -> None:
    """MATH is read from its folders of one file a problem; a broken file is told by its name."""
    for number, problem in enumerate(MATH):
        file = tmp_path / problem["type"].lower() / f"{number}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(problem, indent=4), encoding="utf-8")
    (tmp_path / "algebra" / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "algebra" / "empty.json").write_text('{"problem": "x"}', encoding="utf-8")
    folder = reasoning.read_problems("math", tmp_path)
    assert {sample.id: sample.target for sample in folder} == {
        "algebra/0": r"\frac{1}{2}",
        "algebra/2": "2",
        "geometry/1": "(1, 2)",
    }
    assert [Path(broken.path).name for broken in folder.broken] == ["broken.json", "empty.json"]


def test_math_lines(tmp_path: Path) -> None:
    """MATH is read from JSON lines with the names that its copies use, an answer of its own and a number as level."""
    row = {"problem": "One?", "answer": "1", "solution": "", "subject": "Algebra", "level": 3, "unique_id": "a/1.json"}
    path = tmp_path / "math.jsonl"
    path.write_text(json.dumps(row), encoding="utf-8")
    [sample] = reasoning.read_problems("math", path)
    assert (sample.id, sample.target, dict(sample.metadata)) == (
        "a/1.json",
        "1",
        {"level": "Level 3", "type": "Algebra"},
    )


def test_recorded_accuracy(recorded: Callable[[str], Path]) -> None:
    """The recorded full answers are right exactly where they were recorded as right."""
    lines = recorded("reasoning/gsm8k_replay.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    pairs = [(row["gold"], proposal) for row in rows for proposal in row["proposals"].values()]
    found = [reasoning.is_correct(reasoning.extract_answer(given["text"]), gold) for gold, given in pairs]
    assert found == [given["correct"] for _, given in pairs]


def test_nothing_scored() -> None:
    """A report without a single answer says `None`, and not 0."""
    told = reasoning.report("gsm8k", [Scored("m", [], reasoning.stamp("2026-01-01"))], date="2026-01-01")
    assert list(told.tables[0].rows[0]) == ["m", None, None, None, 0, 0, 0]


def test_one_table_for_each_grouping() -> None:
    """MATH is broken down by level and by subject."""
    scores = [
        Score(str(n), float(n < 2), None, {"level": f"Level {n}", "type": "Algebra", "found": "1"}) for n in (1, 2)
    ]
    told = reasoning.report("math", [Scored("m", scores, reasoning.stamp("2026-01-01"))], date="2026-01-01")
    assert [list(row) for row in told.tables[1].rows] == [["Level 1", 1.0, 1], ["Level 2", 0.0, 1]]
    assert [list(row) for row in told.tables[2].rows] == [["Algebra", 0.5, 2]]


def _solve(body: dict[str, Any]) -> str:
    asked = body["messages"][-1]["content"]
    if "One half?" in asked:
        return r"It is \boxed{0.5}"
    return "I do not know." if "Which?" in asked else r"\boxed{3}"


async def _evaluated(simulator: Simulator, path: Path) -> tuple[Report, Outcome]:
    mixture, samples = mixture_at(simulator), [reasoning.math_sample(row) for row in MATH]
    with RunLog.open(path, answers_identity(mixture, "math", digest_of(samples))) as log:
        return await reasoning.evaluate("math", mixture, samples, answers=log, options=RunOptions(), date="2026-01-31")


async def test_from_end_to_end(simulator: Simulator, tmp_path: Path) -> None:
    """A mixture solves problems: one right, one wrong, and one without an answer, which is wrong and told."""
    simulator.models |= {"merge": Behaviour(reply=_solve)}
    told, _ = await _evaluated(simulator, tmp_path / "log.jsonl")
    row = list(told.tables[0].rows[0])
    assert row[:2] + row[4:] == ["mine", pytest.approx(1 / 3), 3, 0, 1]
    assert all("\\boxed" in each.body["messages"][0]["content"] for each in simulator.requests)


async def test_a_failed_answer_is_left_out(simulator: Simulator, tmp_path: Path) -> None:
    """A problem that no model answers is no wrong answer: it is told, left out, and asked again by the next run."""
    simulator.models |= {"merge": Behaviour(reply=_solve, schedule=["context_length"])}
    told, first = await _evaluated(simulator, tmp_path / "log.jsonl")
    assert (first.made, len(first.failed), told.tables[0].rows[0][4]) == (2, 1, 2)
    assert "1 of 3 problems have no answer" in told.notes[0]
    told, second = await _evaluated(simulator, tmp_path / "log.jsonl")
    assert (second.made, second.reused, told.notes) == (1, 2, [])


def test_no_right_answer_no_score() -> None:
    """An answer to a problem whose right answer nobody has written down is unscored, not wrong."""
    answer: Any = {"turns": [{"answer": "#### 3"}]}
    assert reasoning.score(Sample("a", ("q",)), answer).value is None


def test_files_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    """Two problems of a folder that call themselves the same have ids of their own."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"id": "x", "problem": name, "solution": "\\boxed{1}"}))
    assert [sample.id for sample in reasoning.read_problems("math", tmp_path)] == ["one", "two"]
