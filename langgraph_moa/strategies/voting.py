"""Counting votes."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

from langgraph_moa.checks import listed
from langgraph_moa.errors import ConfigurationError

Answer = TypeVar("Answer", bound=Hashable)
_SUREST = 0.99
"""Accuracy beyond which a weight does not grow: one voter would silence all others."""


def tally(answers: Sequence[Answer | None], *, weights: Sequence[float] | None = None) -> dict[Answer, float]:
    """Return the weight of every answer, in the order in which they were first given; `None` is no vote.

    Raises:
        ConfigurationError: There are not as many weights as answers, or one is negative or no finite number.
    """
    given = listed("answers", answers)
    told = [1.0] * len(given) if weights is None else listed("weights", weights)
    counted = [check_weight("a weight", weight) for weight in told]
    if len(counted) != len(given):
        msg = f"weights must be as many as answers, one for each; got {len(counted)} for {len(given)} answers"
        raise ConfigurationError(msg)
    totals: dict[Answer, list[float]] = {}
    for answer, weight in zip(given, counted, strict=True):
        if answer is not None:
            totals.setdefault(answer, []).append(weight)
    return {answer: math.fsum(held) for answer, held in totals.items()}


def plurality(answers: Sequence[Answer | None], *, weights: Sequence[float] | None = None) -> Answer | None:
    """Return the answer that most voters gave, or that has most weight.

    Args:
        answers: Of the voters, in configured order; `None`: the voter gave none, and is ignored.
        weights: Of the voters, 0 or more; `None`: all count 1.

    Returns:
        Of equals, the answer that was given first; `None` when no voter gave one.

    Raises:
        ConfigurationError: There are not as many weights as answers, or one is negative or no finite number.
    """
    totals = tally(answers, weights=weights)
    return max(totals, key=totals.__getitem__) if totals else None


def reliability_weights(accuracies: Mapping[str, float], *, choices: int | None = None) -> dict[str, float]:
    """Return weights for `Vote` from measured accuracies: each voter's log-odds of being right.

    With independent voters, the plurality by these weights is the most probable answer (Nitzan and Paroush 1982).

    Args:
        accuracies: Share of right answers, 0 to 1, by slot or model, measured on questions other than those to come.
        choices: Answers to choose from, where they are few, at least 2: the wrong ones share what is left. `None`:
            wrong voters hardly ever agree, and the log-odds count as they are.

    Returns:
        Never negative: who is right no more often than by chance has no say.

    Raises:
        ConfigurationError: An accuracy is outside 0..1, or `choices` is below 2.
    """
    if choices is not None and choices < 2:  # noqa: PLR2004 - nothing to choose from
        msg = f"choices must be at least 2, or None; got {choices}"
        raise ConfigurationError(msg)
    offset = 0.0 if choices is None else math.log(choices - 1)
    return {name: max(0.0, _log_odds(name, accuracy) + offset) for name, accuracy in accuracies.items()}


def _log_odds(name: str, accuracy: float) -> float:
    if not 0 <= accuracy <= 1:
        msg = f"the accuracy of {name!r} must be from 0 to 1, got {accuracy}"
        raise ConfigurationError(msg)
    held = min(max(accuracy, 1 - _SUREST), _SUREST)
    return math.log(held / (1 - held))


def check_weight(what: str, weight: object) -> float:
    """Return a weight.

    Raises:
        ConfigurationError: It is negative or no finite number.
    """
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight) or weight < 0:
        msg = f"{what} must be a finite number of 0 or more, got {weight!r}"
        raise ConfigurationError(msg)
    return float(weight)
