"""Which models to mix."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.answer_sheets import AnswerSheet, read_answers
from langgraph_moa.evaluation.complementarity import Complementarity, complementarity
from langgraph_moa.evaluation.mixing import mix_report
from langgraph_moa.evaluation.pages import to_json
from langgraph_moa.strategies import plurality

DATA = os.environ.get("LANGGRAPH_MOA_DATA")
recorded = pytest.mark.skipif(DATA is None, reason="LANGGRAPH_MOA_DATA names no recorded data")
ANSWERS = st.sampled_from(["1", "2", "3", None])


@st.composite
def sheets(draw: st.DrawFn) -> AnswerSheet:
    """Draw a few models' answers to a few questions."""
    models, questions = draw(st.integers(2, 5)), draw(st.integers(1, 12))
    column = st.lists(ANSWERS, min_size=questions, max_size=questions)
    return AnswerSheet(draw(column), {f"m{index}": draw(column) for index in range(models)})


def sheet(gold: str, **answers: str) -> AnswerSheet:
    """Return a sheet of answers of one letter each; a dot is none."""
    return AnswerSheet(_each(gold), {model: _each(given) for model, given in answers.items()})


def _each(letters: str) -> list[str | None]:
    return [None if letter == "." else letter for letter in letters]


def picks(found: Complementarity, by: str = "by_vote") -> list[str]:
    """Return the models of a set in the order in which they were added."""
    return [step.model for step in getattr(found, by)]


def share_right(answers: AnswerSheet, models: list[str]) -> tuple[float, float]:
    """Return what a set is worth, by the slow way: the vote that mixtures take, and the coverage."""
    asked = [index for index, gold in enumerate(answers.gold) if gold is not None]
    rows = [[answers.answers[model][index] for model in models] for index in asked]
    gold = [answers.gold[index] for index in asked]
    votes = [plurality(row) == right for row, right in zip(rows, gold, strict=True)]
    covered = [right in row for row, right in zip(rows, gold, strict=True)]
    return sum(votes) / len(gold), sum(covered) / len(gold)


@settings(max_examples=40, deadline=None)
@given(sheets())
def test_a_set_is_worth_what_its_vote_is(answers: AnswerSheet) -> None:
    """At every step, the vote is that of `plurality` over the models of the set in its order; so is the coverage."""
    found = complementarity(answers, size=5)
    for by in ("by_vote", "by_coverage"):
        for count, step in enumerate(getattr(found, by), start=1):
            assert (step.vote, step.coverage) == pytest.approx(share_right(answers, picks(found, by)[:count]))


@settings(max_examples=40, deadline=None)
@given(sheets())
def test_every_step_gains_most(answers: AnswerSheet) -> None:
    """No other model would have gained more at any step, and of equals the earliest was taken."""
    found = complementarity(answers, size=3)
    for by, turn in (("by_vote", slice(None)), ("by_coverage", slice(None, None, -1))):
        chosen = picks(found, by)
        for count, model in enumerate(chosen):
            left = [name for name in answers.answers if name not in chosen[:count]]
            worth = [share_right(answers, [*chosen[:count], name])[turn] for name in left]
            assert model == left[worth.index(max(worth))]


@settings(max_examples=40, deadline=None)
@given(sheets())
def test_coverage_never_falls(answers: AnswerSheet) -> None:
    """One more model covers no less, and a set covers no less than its vote gets right."""
    for step, following in zip((steps := complementarity(answers, size=5).by_vote), steps[1:], strict=False):
        assert following.coverage >= step.coverage >= step.vote


def test_candidates_of_a_known_case() -> None:
    """Accuracy, disagreement, what is right alone, what mends the best, and missing answers, by hand."""
    found = complementarity(sheet("111111", a="111122", b="111233", c="22..12"))
    by_name = {candidate.model: candidate for candidate in found.candidates}
    assert [candidate.model for candidate in found.candidates] == ["a", "b", "c"]
    assert [by_name[name].accuracy for name in "abc"] == pytest.approx([4 / 6, 3 / 6, 1 / 6])
    assert by_name["c"].right_alone == pytest.approx(1 / 6)
    assert by_name["c"].mends_best == pytest.approx(1 / 2)
    assert by_name["a"].mends_best is None
    assert by_name["c"].unanswered == pytest.approx(2 / 6)
    assert by_name["a"].disagreement == pytest.approx((3 / 6 + 3 / 4) / 2)


def test_a_model_that_differs_beats_one_that_is_better() -> None:
    """Beside the best model, the copy of it adds nothing, and a weaker model that is right elsewhere is taken."""
    found = complementarity(sheet("1" * 8, best="11111122", copy="11111122", other="22222111"), size=2)
    assert picks(found) == picks(found, "by_coverage") == ["best", "other"]


def test_ties_go_to_the_earlier() -> None:
    """Of models that are equal in all, the order of the file decides."""
    found = complementarity(sheet("11", b="12", a="12", c="12"))
    assert picks(found) == [candidate.model for candidate in found.candidates] == ["b", "a", "c"]


def test_what_is_learned_by_heart_shows_elsewhere() -> None:
    """Models that are right at random gain on the questions they were chosen on, and not on the others."""
    draw = random.Random(5)  # noqa: S311 - no secret
    answers = {f"m{index}": "".join(draw.choice("12") for _ in range(60)) for index in range(40)}
    found = complementarity(sheet("1" * 60, **answers), size=5)
    last = found.by_vote[-1]
    assert last.vote >= 0.65
    assert last.cross_vote is not None
    assert last.cross_vote < 0.5
    assert last.gain is not None
    assert not last.gain.significant


def test_a_real_gain_shows_elsewhere() -> None:
    """Three models that err on different questions gain by their vote on either half, and significantly."""
    answers = {f"m{index}": "".join("2" if at % 3 == index else "1" for at in range(90)) for index in range(3)}
    gain = complementarity(sheet("1" * 90, **answers), size=3).by_vote[-1].gain
    assert gain is not None
    assert gain.significant
    assert gain.mean == pytest.approx(1 / 3, abs=0.1)
    assert gain.pairs == 90


def test_without_right_answers_no_set_is_chosen() -> None:
    """Quality is unknown, disagreement is not, and the report says so."""
    found = complementarity(sheet("...", a="111", b="122"))
    assert (found.questions, found.scored, found.by_vote) == (3, 0, ())
    assert [(c.accuracy, c.interval, c.right_alone) for c in found.candidates] == [(None, None, None)] * 2
    assert found.candidates[0].disagreement == pytest.approx(2 / 3)
    report = mix_report(found, date="2026-11-22")
    assert any("no set is chosen" in note for note in report.notes)
    assert (len(report.tables), len(report.figures)) == (1, 0)


def test_one_question_cannot_be_halved() -> None:
    """With a single question there is nothing elsewhere to score on, and the report says so."""
    found = complementarity(sheet("1", a="1", b="2"))
    assert [(step.cross_vote, step.cross_coverage, step.gain) for step in found.by_vote] == [(None, None, None)] * 2
    assert any("too few questions" in note for note in mix_report(found, date="2026-11-22").notes)


def test_models_that_never_answer_have_no_disagreement() -> None:
    """Where two models never both answered, how they differ is unknown."""
    found = complementarity(sheet("11", a="11", b=".."))
    assert [candidate.disagreement for candidate in found.candidates] == [None, None]


@pytest.mark.parametrize(("models", "size"), [(1, 6), (2, 0)])
def test_there_must_be_something_to_choose(models: int, size: int) -> None:
    """A single model, and a set of none, are refused."""
    with pytest.raises(ConfigurationError, match="got"):
        complementarity(sheet("1", **{f"m{index}": "1" for index in range(models)}), size=size)


def test_the_report_holds_all_that_was_found() -> None:
    """Its tables name the models and who scored them, its figures are drawn, and its data is plain."""
    found = complementarity(sheet("1111", a="1112", b="1121", c="1211"), size=3)
    report = mix_report(found, date="2026-11-22", left_out=2)
    assert [row[0] for row in report.tables[0].rows] == ["a", "b", "c"]
    assert [row[1] for row in report.tables[1].rows] == picks(found)
    assert all(table.judge is not None and table.judge.model == "exact match" for table in report.tables)
    assert len(report.figures) == 2
    assert any("2 more are left out" in note for note in report.notes)
    data = json.loads(to_json(report))["data"]
    assert data["by_vote"][0]["vote"] == found.by_vote[0].vote
    assert data["candidates"][0]["interval"]["high"] <= 1


@recorded
def test_on_the_recorded_answers() -> None:
    """Of 44 models on GSM8K, six that are chosen on one half gain a point over the best single one on the other."""
    found = complementarity(read_answers(Path(str(DATA), "reasoning", "gsm8k_answers.jsonl")))
    assert found.candidates[0].model == "claude-3-5-sonnet-20241022"
    assert found.candidates[0].accuracy == pytest.approx(0.9666, abs=1e-4)
    last = found.by_vote[-1]
    assert (last.vote, last.cross_vote) == pytest.approx((0.9773, 0.9689), abs=1e-4)
    assert last.gain is not None
    assert last.gain.significant
    assert found.by_coverage[-1].coverage == pytest.approx(0.9917, abs=1e-4)
