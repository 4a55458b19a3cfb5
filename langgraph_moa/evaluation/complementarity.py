"""Which models to mix: who is good, who answers differently, and what each adds to those already chosen.

A set is worth two figures: the share of questions that its plurality vote gets right, and its *coverage*, the share
that at least one of its members gets right, which is as far as any aggregator could come by choosing. Models are added
one by one, each time the one that gains most. An order that is learned and scored on the same questions flatters
itself; so each half of the questions is also scored with the order learned on the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from langgraph_moa.checks import whole_number
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.answer_sheets import AnswerSheet
from langgraph_moa.evaluation.intervals import Difference, Interval, bootstrap_mean, paired_difference

By = Literal["vote", "coverage"]
Codes = NDArray[np.int32]
"""Models by questions: equal answers have equal numbers, and 0 is no answer."""
Right = NDArray[np.bool_]
_HALVES = 2


class Candidate(NamedTuple):
    """One model, by itself and beside all others. Shares are from 0 to 1; `None`: there is nothing to count."""

    model: str
    accuracy: float | None
    interval: Interval | None
    """Of the accuracy, at 0.95."""
    disagreement: float | None
    """Share of answers that differ from another model's, where both gave one; the mean over all others."""
    right_alone: float | None
    """Share of the questions that it gets right and every other model wrong."""
    mends_best: float | None
    """Share of the best model's errors that it gets right; of the best itself, `None`."""
    unanswered: float
    """Share of the questions that it gave no answer to."""


class Step(NamedTuple):
    """One more model in the set. Shares are from 0 to 1."""

    model: str
    vote: float
    """Of the set so far, on the questions that the order was learned on."""
    coverage: float
    cross_vote: float | None
    """Of a set of this size, each question scored with the order that was learned without it; `None`: too few."""
    cross_coverage: float | None
    gain: Difference | None
    """Of `cross_vote` over the best single model, itself chosen without the question."""


class Complementarity(NamedTuple):
    """Who to mix."""

    questions: int
    """All that are counted, and of them those with a right answer."""
    scored: int
    candidates: tuple[Candidate, ...]
    """Best first; of equals the earlier."""
    by_vote: tuple[Step, ...]
    """Each step the model that gains most for the vote, of equals for the coverage, of equals the earlier."""
    by_coverage: tuple[Step, ...]
    """The same with coverage first."""


class _Order(NamedTuple):
    """Indexes of models as they are chosen, with what the sets are worth on the same questions."""

    picks: list[int]
    votes: list[float]
    coverages: list[float]


def complementarity(sheet: AnswerSheet, *, size: int = 6, seed: int = 0) -> Complementarity:
    """Rank the models of a sheet, and choose sets of them.

    Args:
        sheet: At least two models.
        size: Of the largest set.
        seed: Decides which half of the questions each one is in, and the resamples of the intervals.

    Raises:
        ConfigurationError: There are fewer than two models, or the size is below 1.
    """
    whole_number("size", size, low=1)
    if len(sheet.answers) < 2:  # noqa: PLR2004 - a mixture
        msg = f"there must be two models or more to choose from, got {len(sheet.answers)}"
        raise ConfigurationError(msg)
    models, codes, gold = list(sheet.answers), *_coded(sheet)
    scored = np.flatnonzero(gold)
    right = codes[:, scored] == gold[scored]
    halves = _halves(len(scored), seed)
    steps = {
        by: tuple(_steps(models, codes[:, scored], right, halves, by=by, size=min(size, len(models)), seed=seed))
        for by in ("vote", "coverage")
    }
    candidates = tuple(_candidates(models, codes, right, seed=seed))
    return Complementarity(len(gold), len(scored), candidates, steps["vote"], steps["coverage"])


def _coded(sheet: AnswerSheet) -> tuple[Codes, NDArray[np.int32]]:
    numbers: dict[str | None, int] = {None: 0}
    rows = [
        [numbers.setdefault(answer, len(numbers)) for answer in row] for row in (sheet.gold, *sheet.answers.values())
    ]
    coded = np.asarray(rows, dtype=np.int32)
    return coded[1:], coded[0]


def _halves(questions: int, seed: int) -> list[NDArray[np.intp]]:
    """Split question indexes into two halves at random; none where a half would be empty."""
    if questions < _HALVES:
        return []
    shuffled = np.random.default_rng(seed).permutation(questions)
    return [np.sort(half) for half in np.array_split(shuffled, _HALVES)]


def _candidates(models: Sequence[str], codes: Codes, right: Right, *, seed: int) -> Iterator[Candidate]:
    accuracies = [float(row.mean()) if row.size else None for row in right]
    order = sorted(range(len(models)), key=lambda index: -(accuracies[index] or 0.0))
    best = order[0]
    missed = ~right[best]
    others = right.sum(axis=0)
    for index in order:
        row = right[index]
        yield Candidate(
            model=models[index],
            accuracy=accuracies[index],
            interval=bootstrap_mean(row.astype(float).tolist(), seed=seed),
            disagreement=_disagreement(codes, index),
            right_alone=float((row & (others == 1)).mean()) if row.size else None,
            mends_best=float(row[missed].mean()) if index != best and missed.any() else None,
            unanswered=float((codes[index] == 0).mean()),
        )


def _disagreement(codes: Codes, index: int) -> float | None:
    mine, theirs = codes[index], np.delete(codes, index, axis=0)
    both = (mine > 0) & (theirs > 0)
    asked = both.sum(axis=1)
    shares = ((mine != theirs) & both).sum(axis=1)[asked > 0] / asked[asked > 0]
    return float(shares.mean()) if shares.size else None


def _steps(
    models: Sequence[str],
    codes: Codes,
    right: Right,
    halves: Sequence[NDArray[np.intp]],
    *,
    by: By,
    size: int,
    seed: int,
) -> Iterator[Step]:
    if not right.size:
        return
    learned = _greedy(codes, right, by=by, size=size)
    orders = [_greedy(codes[:, half], right[:, half], by=by, size=size).picks for half in halves]
    single = _crossed(codes, right, halves, orders, 1)[0] if halves else []
    for count, pick in enumerate(learned.picks, start=1):
        votes, covered = _crossed(codes, right, halves, orders, count) if halves else ([], [])
        yield Step(
            model=models[pick],
            vote=learned.votes[count - 1],
            coverage=learned.coverages[count - 1],
            cross_vote=sum(votes) / len(votes) if votes else None,
            cross_coverage=sum(covered) / len(covered) if covered else None,
            gain=paired_difference(votes, single, seed=seed) if count > 1 else None,
        )


def _crossed(
    codes: Codes, right: Right, halves: Sequence[NDArray[np.intp]], orders: Sequence[Sequence[int]], count: int
) -> tuple[list[float], list[float]]:
    """Score each half with the first models of the other half's order: of the vote and of the coverage, by question."""
    votes: list[float] = []
    covered: list[float] = []
    for half, order in zip(halves, reversed(orders), strict=True):
        picks = list(order[:count])
        rows = right[picks][:, half]
        winners = _winners(codes[picks][:, half])
        votes += np.take_along_axis(rows, winners[None, :], axis=0)[0].astype(float).tolist()
        covered += rows.any(axis=0).astype(float).tolist()
    return votes, covered


def _winners(codes: Codes) -> NDArray[np.intp]:
    """Return the index of the first voter of every question's plurality; where nobody answered, that of the first."""
    support = (codes[:, None, :] == codes[None, :, :]).sum(axis=1) * (codes > 0)
    winners: NDArray[np.intp] = support.argmax(axis=0)
    return winners


def _greedy(codes: Codes, right: Right, *, by: By, size: int) -> _Order:
    order = _Order([], [], [])
    support = np.zeros((0, codes.shape[1]), dtype=np.int64)
    covered = np.zeros(codes.shape[1], dtype=bool)
    while len(order.picks) < size:
        chosen = codes[order.picks]
        left = [index for index in range(len(codes)) if index not in order.picks]
        worth: list[tuple[float, float]] = []
        for index in left:
            votes = _with_one_more(support, chosen, codes[index])
            rows = right[[*order.picks, index]]
            won = np.take_along_axis(rows, votes.argmax(axis=0)[None, :], axis=0)
            worth.append((float(won.mean()), float((covered | right[index]).mean())))
        keys = worth if by == "vote" else [(coverage, vote) for vote, coverage in worth]
        at = keys.index(max(keys))
        support = _with_one_more(support, chosen, codes[left[at]])
        covered |= right[left[at]]
        order.picks.append(left[at])
        order.votes.append(worth[at][0])
        order.coverages.append(worth[at][1])
    return order


def _with_one_more(support: NDArray[np.int64], chosen: Codes, added: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return how many voters every voter agrees with, itself included, after one more; no answer has no support."""
    agrees = (chosen == added) & (added > 0)
    return np.vstack([support + agrees, (agrees.sum(axis=0) + 1) * (added > 0)])
