"""Tables of scores."""

from __future__ import annotations

from langgraph_moa.evaluation.breakdowns import Scored, by_group, interval_of, overall
from langgraph_moa.evaluation.scores import JudgeStamp, Score

JUDGE = JudgeStamp("judge", "2026-01-31")
SCORES = [Score(str(n // 2), float(n), None, {"kind": "even" if n % 2 == 0 else "odd"}) for n in range(6)]


def test_one_row_for_each_arm() -> None:
    """Each arm has its mean, and its unscored answers are counted and left out of it."""
    runs = [Scored("a", [*SCORES, Score.unscored("9", "why", kind="odd")], JUDGE), Scored("b", [], JUDGE)]
    rows = [list(row) for row in overall("t", runs, value="score").rows]
    assert rows[0][:2] + rows[0][4:] == ["a", 2.5, 6, 1]
    assert rows[1] == ["b", None, None, None, 0, 0]


def test_interval_holds_the_mean_of_the_samples() -> None:
    """The interval is that of the samples' means, which it holds."""
    interval = interval_of(SCORES)
    assert interval is not None
    assert 0.5 <= interval.low <= 2.5 <= interval.high <= 4.5


def test_groups_in_order() -> None:
    """Groups come in the order that is asked for, the others by name, and one without scores in an arm has none."""
    runs = [Scored("a", SCORES, JUDGE), Scored("b", SCORES[:1], JUDGE)]
    table = by_group("t", "kind", runs, lambda each: [each.metadata["kind"], "all"], order=["odd", "unused"])
    assert [list(row) for row in table.rows] == [
        ["odd", 3.0, 3, None, 0],
        ["all", 2.5, 6, 0.0, 1],
        ["even", 2.0, 3, 0.0, 1],
    ]


def test_interval_is_of_the_mean_of_all_ratings() -> None:
    """Where samples have unequally many ratings, the interval lies around the mean that is told, on both sides."""
    scores = [Score("a", 5.0)] * 9 + [Score(name, 1.0) for name in "bcdefgh"]
    interval = interval_of(scores)
    assert interval is not None
    assert interval.low < 3.25 < interval.high
