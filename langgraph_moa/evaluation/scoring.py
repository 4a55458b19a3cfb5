"""Scores the answers to a user's own questions: by the right answer, or by a judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from textwrap import shorten
from typing import Any, Protocol

from langchain_core.messages import AnyMessage

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.judge_prompts import (
    LOWEST,
    PAIR_SETTINGS,
    RATING_SETTINGS,
    pair_messages,
    rating_messages,
    read_pair,
    read_rating,
)
from langgraph_moa.evaluation.judging import DRAW, Judge, prefer, today
from langgraph_moa.evaluation.reasoning import is_correct
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import JudgeStamp, Score
from langgraph_moa.final_answers import extract_answer
from langgraph_moa.proposal import visible_text

EXACT_MATCH = "exact match"
_LONGEST_QUOTE = 100
"""Characters of a verdict that cannot be read."""


class Scorer(Protocol):
    """Says what an answer is worth."""

    @property
    def stamp(self) -> JudgeStamp:
        """Who scores."""

    @property
    def scale(self) -> str:
        """What a score is, for a column or an axis."""

    @property
    def lowest(self) -> float:
        """The worst score that there is."""

    @property
    def judge(self) -> Judge | None:
        """The model that is asked; `None`: none is."""

    def requests(self, sample: Sample, answers: Sequence[str]) -> list[Sequence[AnyMessage]]:
        """Return what the judge is asked."""

    async def score(self, sample: Sample, answers: Sequence[str]) -> Score:
        """Score what was answered, turn by turn.

        Raises:
            JudgeError: The judge did not answer.
        """


@dataclass(frozen=True, slots=True)
class ExactMatch:
    """1 where the final answer, of the last turn, has the value of the target; else 0, also where there is none."""

    date: str = field(default_factory=today)
    """ISO date of the report."""

    @property
    def stamp(self) -> JudgeStamp:
        """No model."""
        return JudgeStamp(EXACT_MATCH, self.date)

    @property
    def scale(self) -> str:
        """Share of right answers."""
        return "share right"

    @property
    def lowest(self) -> float:
        """Wrong."""
        return 0.0

    @property
    def judge(self) -> None:
        """Nobody is asked."""
        return

    def requests(self, sample: Sample, answers: Sequence[str]) -> list[Sequence[AnyMessage]]:  # noqa: ARG002
        """Ask nothing."""
        return []

    async def score(self, sample: Sample, answers: Sequence[str]) -> Score:
        """Compare with the target; without one the answer is unscored."""
        return match_of(sample, answers[-1])


def match_of(sample: Sample, said: str) -> Score:
    """Return the score of an answer by its sample's target: of its final answer, or of the whole text. Pure."""
    if sample.target is None:
        return Score.unscored(sample.id, "the sample has no target")
    found = extract_answer(said)
    if is_correct(found, sample.target) or _plain(said) == _plain(sample.target):
        return Score(sample.id, 1.0)
    return Score(sample.id, 0.0, "no final answer" if found is None else f"the final answer is {found[:80]!r}")


@dataclass(frozen=True, slots=True)
class Rating:
    """A judge's rating from 1 to 10."""

    judge: Judge

    @property
    def stamp(self) -> JudgeStamp:
        """The judge, with our prompt."""
        return _stamp(self.judge, RATING_SETTINGS)

    @property
    def scale(self) -> str:
        """A rating."""
        return "rating, 1 to 10"

    @property
    def lowest(self) -> float:
        """The worst rating."""
        return float(LOWEST)

    def requests(self, sample: Sample, answers: Sequence[str]) -> list[Sequence[AnyMessage]]:
        """Return the one request."""
        return [rating_messages(sample, answers)]

    async def score(self, sample: Sample, answers: Sequence[str]) -> Score:
        """Ask once; a verdict that cannot be read is unscored."""
        verdict = await self.judge.ask(rating_messages(sample, answers))
        rating = read_rating(verdict)
        if rating is None:
            said = shorten(visible_text(verdict), _LONGEST_QUOTE)
            return Score.unscored(sample.id, f"the judge's rating cannot be read: {said!r}")
        return Score(sample.id, rating)


@dataclass(frozen=True, slots=True)
class PairAgainst:
    """How far a judge prefers an answer to that of a baseline, from 0 to 1, in both orders."""

    judge: Judge
    baseline: Mapping[str, Sequence[str]]
    """What the baseline has answered, turn by turn, by the id of the sample."""
    name: str
    """Of the baseline, for people."""

    @property
    def stamp(self) -> JudgeStamp:
        """The judge, with our prompt and the baseline."""
        return _stamp(self.judge, f"{PAIR_SETTINGS}, both orders, against {self.name}")

    @property
    def scale(self) -> str:
        """A share of preference."""
        return f"preferred to {self.name}"

    @property
    def lowest(self) -> float:
        """The baseline is preferred."""
        return 0.0

    def requests(self, sample: Sample, answers: Sequence[str]) -> list[Sequence[AnyMessage]]:
        """Return the request for each order; none where there is nothing to tell apart."""
        other = self.baseline.get(sample.id)
        if other is None or list(other) == list(answers):
            return []
        return [pair_messages(sample, answers, other), pair_messages(sample, other, answers)]

    async def score(self, sample: Sample, answers: Sequence[str]) -> Score:
        """Ask in both orders; equal answers are a draw that nobody is asked for."""
        other = self.baseline.get(sample.id)
        if other is None:
            return Score.unscored(sample.id, f"{self.name} has no answer")
        if list(other) == list(answers):
            return Score(sample.id, DRAW, "the same answer", {"flipped": False})
        turns = {"candidate": answers, "baseline": other}

        def ask(first: str, second: str) -> Sequence[AnyMessage]:
            return pair_messages(sample, turns[first], turns[second])

        found = await prefer(self.judge, sample.id, "candidate", "baseline", ask=ask, read=read_pair)
        return Score(sample.id, found.value, found.why, {"flipped": found.flipped})


def scorer_for(samples: Sequence[Sample], judge: Judge | None) -> Scorer:
    """Return the judge's rating; without a judge, the comparison with the targets.

    Raises:
        ConfigurationError: There is no judge, and a sample without a target.
    """
    if judge is not None:
        return Rating(judge)
    without = [sample.id for sample in samples if sample.target is None]
    if without:
        msg = f"{len(without)} of {len(samples)} samples have no target, such as {without[0]!r}: name a judge"
        raise ConfigurationError(f"{msg}, or give each its right answer under 'target'")
    return ExactMatch()


def score_table(score: Score) -> dict[str, Any]:
    """Return a score as plain data for a log; `read_score` gives it back."""
    return {**asdict(score), "metadata": dict(score.metadata)}


def read_score(table: Mapping[str, Any]) -> Score:
    """Read what `score_table` gave."""
    return Score(**table)


def _stamp(judge: Judge, settings: str) -> JudgeStamp:
    told = judge.stamp
    return told._replace(settings=", ".join(filter(None, (settings, told.settings))))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .!\"'`*")
