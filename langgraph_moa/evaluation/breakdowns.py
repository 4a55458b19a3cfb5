"""Scores as tables: of each arm as a whole, and group by group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from langgraph_moa.evaluation.intervals import Interval, bootstrap_mean_of_groups
from langgraph_moa.evaluation.reports import Table, only_judge
from langgraph_moa.evaluation.scores import JudgeStamp, Score, mean_score

KeysOf = Callable[[Score], Iterable[str]]
"""Groups that a score belongs to."""


class Scored(NamedTuple):
    """The scores of one arm, all of one judge."""

    arm: str
    scores: Sequence[Score]
    judge: JudgeStamp


def judge_of(runs: Sequence[Scored], *, table: str) -> JudgeStamp | None:
    """Return who gave all the scores.

    Raises:
        ConfigurationError: There are several judges.
    """
    return only_judge([run.judge for run in runs], table=table)


def interval_of(scores: Iterable[Score]) -> Interval | None:
    """Return the bootstrap interval of the mean. Samples are drawn whole: two turns of one stay together."""
    by_sample: dict[str, list[float]] = {}
    for score in scores:
        if score.value is not None:
            by_sample.setdefault(score.sample, []).append(score.value)
    return bootstrap_mean_of_groups(list(by_sample.values()))


def overall(title: str, runs: Sequence[Scored], *, value: str, notes: Sequence[str] = ()) -> Table:
    """Return one row for each arm: its mean, the interval, and how many answers are scored and unscored.

    Args:
        title: Of the table.
        runs: The arms.
        value: Name of what is averaged, with its unit.
        notes: Go below the table.

    Raises:
        ConfigurationError: The scores are of different judges.
    """
    rows = []
    for run in runs:
        low, high = interval_of(run.scores) or (None, None)
        unscored = sum(score.value is None for score in run.scores)
        rows.append([run.arm, mean_score(run.scores), low, high, len(run.scores) - unscored, unscored])
    columns = ["mixture", value, "95 % from", "to", "scored", "unscored"]
    return Table(title=title, columns=columns, rows=rows, judge=judge_of(runs, table=title), notes=notes)


def by_group(title: str, what: str, runs: Sequence[Scored], keys_of: KeysOf, *, order: Sequence[str] = ()) -> Table:
    """Return one row for each group, with the mean of each arm and how many of its scores went into it.

    Args:
        title: Of the table.
        what: Name of the grouping.
        runs: The arms.
        keys_of: A score counts in each of its groups.
        order: Groups that come first, if there are any scores in them; the others follow by name.

    Raises:
        ConfigurationError: The scores are of different judges.
    """
    grouped = [_grouped(run.scores, keys_of) for run in runs]
    found = {group for groups in grouped for group in groups}
    groups = [*(group for group in order if group in found), *sorted(found - set(order))]
    columns = [what, *(name for run in runs for name in (run.arm, f"{run.arm}: scored"))]
    rows = [[group, *(cell for scores in grouped for cell in _cells(scores.get(group, [])))] for group in groups]
    return Table(title=title, columns=columns, rows=rows, judge=judge_of(runs, table=title))


def _grouped(scores: Iterable[Score], keys_of: KeysOf) -> dict[str, list[Score]]:
    groups: dict[str, list[Score]] = {}
    for score in scores:
        for key in keys_of(score):
            groups.setdefault(key, []).append(score)
    return groups


def _cells(scores: Sequence[Score]) -> tuple[float | None, int]:
    return mean_score(scores), sum(score.value is not None for score in scores)
