"""Which samples a run takes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from langgraph_moa import ConfigurationError
from langgraph_moa.evaluation.runs import Outcome, RunOptions

NAMES = [f"q{number}" for number in range(50)]


def chosen(names: list[str] = NAMES, **options: Any) -> list[str]:
    """Return what such options choose."""
    return list(RunOptions(**options).choose(names, str))


def test_without_a_limit_all_are_taken_one_by_one() -> None:
    """An endless source is no problem: nothing is pulled before it is needed."""
    endless = (str(number) for number in itertools.count())
    assert list(itertools.islice(RunOptions(seed=1).choose(endless, str), 3)) == ["0", "1", "2"]


def test_a_limit_takes_the_first() -> None:
    """Without a seed the first samples are taken."""
    assert chosen(limit=3) == NAMES[:3]


def test_a_seed_draws_the_same_whatever_the_order() -> None:
    """Equal seeds draw equal samples from the file in any order, and other seeds draw others."""
    drawn = chosen(limit=10, seed=3)
    assert chosen(NAMES[::-1], limit=10, seed=3) == drawn
    assert set(chosen(limit=10, seed=4)) != set(drawn) != set(NAMES[:10])


def test_a_larger_limit_keeps_what_was_drawn() -> None:
    """The samples of a small limit are the first of a larger one, so that a log is of use to both."""
    assert chosen(limit=20, seed=3)[:10] == chosen(limit=10, seed=3)


@pytest.mark.parametrize(
    "wrong",
    [{"concurrency": 0}, {"limit": 0}, {"seed": -1}, {"max_cost": -0.1}, {"max_cost": float("nan")}, {"cluster": 3}],
)
def test_wrong_options_are_named(wrong: dict[str, Any]) -> None:
    """Each option says what is allowed."""
    with pytest.raises(ConfigurationError, match=rf"RunOptions\.{next(iter(wrong))}"):
        RunOptions(**wrong)


def test_what_follows_has_what_is_left() -> None:
    """What a run has spent, and what its failed jobs may have, is taken from the budget of what follows; 0 is least."""
    spent = Outcome(3, 0, (), None, 0.25, 0, 0.5)
    assert RunOptions(max_cost=1.0).after(spent).max_cost == 0.25
    assert RunOptions(max_cost=0.5).after(spent).max_cost == 0.0
    assert RunOptions().after(spent).max_cost is None
