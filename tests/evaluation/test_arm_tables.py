"""Arms side by side, and what is said of them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langgraph_moa import Mixture
from langgraph_moa.evaluation.arm_tables import (
    Standing,
    arms_table,
    difference,
    join,
    merit,
    quantile,
    standing,
    verdict,
)
from langgraph_moa.evaluation.arms import Arm
from langgraph_moa.evaluation.bench import Measured, Trial
from langgraph_moa.evaluation.intervals import Difference
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import Score
from langgraph_moa.evaluation.scoring import ExactMatch

SAMPLES = [Sample(f"q{n}", ("?",), target="1") for n in range(4)]


def arm(name: str, values: list[float | None], *, cost: float | None = 0.5) -> Measured:
    """Return an arm with these scores, of the first samples."""
    trials = {
        sample.id: Trial(("said",), Score(sample.id, value), cost, 2.0, 3)
        for sample, value in zip(SAMPLES, values, strict=False)
    }
    return Measured(Arm(name, Mixture.of(["openai:a"], "openai:b")), trials)


def test_unscored_and_missing_are_told_apart() -> None:
    """An answer that nobody could judge is unscored, one that is not there is missing, and neither counts as 0."""
    told = standing(arm("a", [1.0, 0.0, None]), SAMPLES)
    assert (told.score, told.scored, told.unscored, told.missing) == (0.5, 2, 1, 1)


def test_arm_without_a_score_has_none() -> None:
    """The mean of no scores is unknown, and so are its interval, its cost and its seconds."""
    told = standing(arm("a", []), SAMPLES)
    assert (told.score, told.interval, told.seconds, told.missing) == (None, None, None, 4)


def test_partly_known_cost_is_unknown() -> None:
    """One answer of unknown cost makes the arm's cost unknown, and the table says so."""
    tested = arm("a", [1.0, 1.0, 1.0, 1.0], cost=None)
    table = arms_table("t", [tested], SAMPLES, ExactMatch())
    assert standing(tested, SAMPLES).cost is None
    assert dict(zip(table.columns, table.rows[0], strict=True))["$ median"] is None
    assert any("cost of a is unknown" in note for note in table.notes)


def test_pairs_are_those_that_both_have() -> None:
    """A question that one arm has no score for is left out of the comparison."""
    found = difference(arm("a", [1.0, 1.0, None, 1.0]), arm("b", [0.0, 1.0, 0.0]), SAMPLES)
    assert found is not None
    assert (found.mean, found.pairs) == (0.5, 2)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "Nothing can be said of a and b"),
        (Difference(0.2, -0.1, 0.5, False, 10), "No significant gain of a over b: +0.2 (95 % interval -0.1 to +0.5"),  # noqa: FBT003
        (Difference(-0.2, -0.5, 0.1, False, 10), "No significant gain of a over b: -0.2"),  # noqa: FBT003
        (Difference(0.2, 0.1, 0.3, True, 10), "Significant gain of a over b: +0.2"),  # noqa: FBT003
        (Difference(-0.2, -0.3, -0.1, True, 10), "Significant loss of a against b: -0.2"),  # noqa: FBT003
    ],
)
def test_verdict(found: Difference | None, said: str) -> None:
    """The sentence says gain or loss only where the difference is significant."""
    assert verdict("a", "b", found).startswith(said)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 1))
def test_quantile_lies_within(values: list[float], share: float) -> None:
    """A quantile is between the least and the greatest value, which are those of 0 and 1."""
    found = quantile(values, share)
    assert found is not None
    assert min(values) - 1e-6 <= found <= max(values) + 1e-6
    assert (quantile(values, 0), quantile(values, 1)) == (min(values), max(values))


@pytest.mark.parametrize(
    ("names", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_join(names: list[str], said: str) -> None:
    """Names stand in a row as one says them."""
    assert join(names) == said


@given(st.floats(0, 1), st.integers(1, 50), st.integers(0, 50))
@example(2.519987884618909e-278, 41, 0)
def test_failing_never_adds_merit(score: float, scored: int, missing: int) -> None:
    """Merit is the mean where nothing is missing, and falls with every sample that an arm has failed on."""
    told = Standing("arm", score, None, None, None, None, scored, 0, missing)
    worth, worse = merit(told, 0.0), merit(told._replace(missing=missing + 1), 0.0)
    assert worth is not None
    assert worse is not None
    assert worse <= worth <= score
    assert merit(told._replace(missing=0), 0.0) == pytest.approx(score)


def test_nothing_scored_has_no_merit() -> None:
    """An arm of which no answer is scored has no merit, not the lowest one."""
    assert merit(Standing("arm", None, None, None, None, None, 0, 0, 5), 0.0) is None
