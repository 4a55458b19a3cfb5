"""Accuracy against calls on recorded final answers: single models, votes, and waves that stop when they agree.

No model is asked. What is learned, the order of the models and their weights, is learned on one half of the questions
and scored on the other, both ways: every question is scored once, by what the other half has taught.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Sized
from functools import partial
from typing import NamedTuple, TypedDict

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation import figures
from langgraph_moa.evaluation.reports import Report, Table
from langgraph_moa.evaluation.scores import JudgeStamp
from langgraph_moa.evaluation.studies.final_answers import FinalAnswer, FinalAnswers
from langgraph_moa.mixture import StopWhen
from langgraph_moa.strategies import plurality, reliability_weights

_FEWEST = 2
_HOW = (
    "{questions} questions. The order of the models and their weights were learned on one half and scored on the "
    "other, both ways; the best single model is named in hindsight."
)
_SHARES = (0.6, 0.75)
_MOST_ROWS = 10
"""Of sizes of the first wave, and of single models, in a table."""
_STAMP = JudgeStamp("exact match", "recorded answers")


class Asked(NamedTuple):
    """What a policy did with one question."""

    answer: FinalAnswer
    calls: int


class Point(TypedDict):
    """One policy on all questions."""

    policy: str
    accuracy: float
    """Percent."""
    calls: float
    """Models asked for each question, on average."""
    share: float
    """Of the calls of a vote of all models: 0..1."""


class AdaptiveStudy(TypedDict):
    """What the study found, as plain data. Accuracies in percent."""

    questions: int
    models: list[str]
    seed: int
    singles: dict[str, float]
    best_single: Point
    """Of all questions, in hindsight."""
    oracle: Point
    """At least one model is right."""
    plurality: Point
    """All models, in the order given."""
    ordered_plurality: Point
    """All models, ties to the more accurate: their order is learned."""
    weighted_plurality: Point
    """All models, weighted by their learned log-odds."""
    waves: list[Point]
    """The most accurate alone; the 2, 3, ... most accurate first, and all the others where those do not agree; all."""
    one_by_one: list[Point]
    """The two most accurate first, then one model after the other until so many of those asked agree."""
    orders: list[list[str]]
    """That each half has taught."""


def adaptive(recorded: FinalAnswers, models: Sequence[str] | None = None, *, seed: int = 0) -> AdaptiveStudy:
    """Compare policies on recorded answers.

    Args:
        recorded: The answers.
        models: To choose from, in order, at least 2; `None`: all.
        seed: Of the division into halves.

    Raises:
        ConfigurationError: A model is not in the record, or named twice, or there are fewer than 2 models or questions.
    """
    chosen = _known(recorded, models)
    every = range(len(recorded.gold))
    halves = split_halves(len(recorded.gold), seed)
    singles = {model: 100 * recorded.accuracy(model, every) for model in chosen}
    best = max(singles, key=singles.__getitem__)
    orders = [learned_order(recorded, chosen, half) for half in halves]
    lessons = [_lesson(recorded, order, *pair) for order, pair in zip(orders, (halves, halves[::-1]), strict=True)]
    crossed = partial(_crossed, recorded, lessons)
    oracle = sum(any(recorded.is_right(at, recorded.answers[model][at]) for model in chosen) for at in every)
    in_order = {at: _vote(_given(recorded, chosen, at), ()) for at in every}
    return AdaptiveStudy(
        questions=len(recorded.gold),
        models=list(chosen),
        seed=seed,
        singles=singles,
        best_single=Point(policy=best, accuracy=singles[best], calls=1.0, share=1 / len(chosen)),
        oracle=Point(policy="oracle", accuracy=100 * oracle / len(every), calls=float(len(chosen)), share=1.0),
        plurality=_point(recorded, "plurality", len(chosen), in_order),
        ordered_plurality=crossed("plurality in learned order", _vote),
        weighted_plurality=crossed("weighted plurality", _weighted_vote),
        waves=[
            crossed("1 alone", _ask_one),
            *(crossed(f"{first} first", _by(StopWhen(waves=[first]))) for first in range(_FEWEST, len(chosen))),
            crossed("plurality in learned order", _vote),
        ],
        one_by_one=[
            crossed(f"until {share:.0%} agree", _by(StopWhen(waves=_singly(len(chosen)), share=share)))
            for share in _SHARES
        ],
        orders=orders,
    )


def report(study: AdaptiveStudy, *, date: str) -> Report:
    """Return the study as tables and a figure.

    Args:
        study: What `adaptive` gave.
        date: ISO date of the run.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    votes = [study["plurality"], study["weighted_plurality"]]
    others = [*study["one_by_one"], study["weighted_plurality"]]
    learned = [*study["waves"], *others]
    policies = Table(
        title="Accuracy against calls",
        columns=["policy", "accuracy, %", "calls a question", "share of all calls"],
        rows=[
            [point["policy"], round(point["accuracy"], 2), round(point["calls"], 2), round(point["share"], 3)]
            for point in (study["best_single"], study["oracle"], study["plurality"], *_bounded(study["waves"]), *others)
        ],
        judge=_STAMP,
        notes=[_HOW.format(questions=study["questions"]), *_left_out("sizes of the first wave", study["waves"][:-1])],
    )
    singles = Table(
        title="Each model alone",
        columns=["model", "accuracy, %"],
        rows=[[model, round(accuracy, 2)] for model, accuracy in _best_first(study["singles"])[:_MOST_ROWS]],
        judge=_STAMP,
        notes=_left_out("models", study["singles"]),
    )
    shown = [
        figures.Point(point["policy"], point["calls"], point["accuracy"]) for point in _distinct([*learned, *votes])
    ]
    figure = figures.scatter("Accuracy against calls", shown, x_label="calls a question", y_label="right answers, %")
    return Report(
        title="Adaptive depth on recorded answers",
        date=date,
        tables=[policies, singles],
        figures=[figure],
        data=dict(study),
    )


def _bounded(waves: Sequence[Point]) -> list[Point]:
    """Return the smallest first waves, and the vote of all models."""
    return [*waves[:-1][:_MOST_ROWS], waves[-1]]


def _left_out(what: str, every: Sized) -> list[str]:
    more = len(every) - _MOST_ROWS
    return [f"{more} more {what} are in the JSON report."] if more > 0 else []


def _best_first(accuracies: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(accuracies.items(), key=lambda item: -item[1])


def _distinct(points: Sequence[Point]) -> list[Point]:
    return list({point["policy"]: point for point in points}.values())


def split_halves(questions: int, seed: int) -> tuple[list[int], list[int]]:
    """Divide questions by chance into two halves, each in order."""
    shuffled = list(range(questions))
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - a division, no secret
    middle = questions // 2
    return sorted(shuffled[:middle]), sorted(shuffled[middle:])


def learned_order(recorded: FinalAnswers, models: Sequence[str], questions: Sequence[int]) -> list[str]:
    """Return the models, the most accurate on some questions first; equals stay in the order given."""
    return sorted(models, key=lambda model: -recorded.accuracy(model, questions))


def ask_in_waves(given: Sequence[FinalAnswer], rule: StopWhen) -> Asked:
    """Answer one question as a layer with a rule does, before an aggregator that votes.

    Args:
        given: What each model answers, in the order in which they are asked; who has no answer agrees with nobody.
        rule: By answers.
    """
    count = 0
    for size in rule.waves:
        count += size
        if count < len(given) and rule.common(given[:count]) is not None:
            return Asked(plurality(given[:count]), count)
    return Asked(plurality(given), len(given))


Policy = Callable[[Sequence[FinalAnswer], Sequence[float]], Asked]
"""Answers one question, from what each model would answer, in the order learned, and the weights learned."""


class _Lesson(NamedTuple):
    """What one half of the questions teaches, and the other, on which it is scored."""

    order: Sequence[str]
    weights: Sequence[float]
    """Of the models, in that order."""
    scored: Sequence[int]


def _lesson(recorded: FinalAnswers, order: Sequence[str], taught: Sequence[int], scored: Sequence[int]) -> _Lesson:
    learned = reliability_weights({model: recorded.accuracy(model, taught) for model in order})
    return _Lesson(order, [learned[model] for model in order], scored)


def _ask_one(given: Sequence[FinalAnswer], _: Sequence[float]) -> Asked:
    return Asked(given[0], 1)


def _vote(given: Sequence[FinalAnswer], _: Sequence[float]) -> Asked:
    return Asked(plurality(given), len(given))


def _weighted_vote(given: Sequence[FinalAnswer], weights: Sequence[float]) -> Asked:
    return Asked(plurality(given, weights=weights), len(given))


def _by(rule: StopWhen) -> Policy:
    return lambda given, _: ask_in_waves(given, rule)


def _singly(models: int) -> list[int]:
    return [_FEWEST, *[1] * (models - _FEWEST)]


def _given(recorded: FinalAnswers, order: Sequence[str], question: int) -> list[FinalAnswer]:
    return [recorded.answers[model][question] for model in order]


def _crossed(recorded: FinalAnswers, lessons: Sequence[_Lesson], name: str, policy: Policy) -> Point:
    asked = {
        at: policy(_given(recorded, lesson.order, at), lesson.weights) for lesson in lessons for at in lesson.scored
    }
    return _point(recorded, name, len(lessons[0].order), asked)


def _point(recorded: FinalAnswers, policy: str, models: int, asked: Mapping[int, Asked]) -> Point:
    right = sum(recorded.is_right(question, one.answer) for question, one in asked.items())
    calls = sum(one.calls for one in asked.values()) / len(asked)
    return Point(policy=policy, accuracy=100 * right / len(asked), calls=calls, share=calls / models)


def _known(recorded: FinalAnswers, models: Sequence[str] | None) -> tuple[str, ...]:
    chosen = tuple(recorded.answers) if models is None else checks.listed("models", models)
    unknown = [model for model in chosen if model not in recorded.answers]
    twice = [model for model, count in Counter(chosen).items() if count > 1]
    if unknown or twice:
        problem = f"no answers of {', '.join(unknown)}" if unknown else f"{', '.join(twice)} named twice"
        msg = f"models: {problem}. There are: {', '.join(recorded.answers)}"
        raise ConfigurationError(msg)
    if len(chosen) < _FEWEST or len(recorded.gold) < _FEWEST:
        msg = f"the study needs 2 models and 2 questions or more, got {len(chosen)} and {len(recorded.gold)}"
        raise ConfigurationError(msg)
    return chosen
