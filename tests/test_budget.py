"""The budget as data: checked, written and read back."""

from __future__ import annotations

import json
import tomllib
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa import Budget, ConfigurationError
from langgraph_moa.budget import read_budget

LIMITS: dict[str, st.SearchStrategy[Any]] = {
    "max_cost": st.floats(0, 1e6),
    "max_tokens": st.integers(1, 10**12),
    "max_seconds": st.floats(0.001, 1e6),
}
BUDGETS = st.builds(
    lambda limits, others: Budget(**limits, **others),
    st.fixed_dictionaries({}, optional=LIMITS).filter(bool),
    st.fixed_dictionaries(
        {}, optional={"on_exceeded": st.sampled_from(["degrade", "raise"]), "answer_tokens": st.integers(1, 10**6)}
    ),
)


@given(BUDGETS)
def test_a_budget_round_trips(budget: Budget) -> None:
    """A budget comes back equal from TOML and from JSON, and what is at its default is not written."""
    table = budget.to_dict()
    assert read_budget("budget", table) == budget
    assert read_budget("budget", tomllib.loads(tomli_w.dumps(table))) == budget
    assert read_budget("budget", json.loads(json.dumps(table))) == budget
    assert None not in table.values()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param({}, "at least one of max_cost, max_tokens, max_seconds", id="nothing"),
        pytest.param({"answer_tokens": 5}, "at least one of max_cost", id="no-limit"),
        pytest.param({"max_cost": -0.1}, "Budget.max_cost must be a number at least 0", id="negative-dollars"),
        pytest.param({"max_cost": float("nan")}, "Budget.max_cost must be a number", id="nan"),
        pytest.param({"max_cost": "1"}, "Budget.max_cost must be a number .*got '1'", id="text"),
        pytest.param({"max_tokens": 0}, "Budget.max_tokens must be a whole number in 1 or more", id="no-tokens"),
        pytest.param({"max_tokens": 1.5}, "Budget.max_tokens must be a whole number", id="part-of-a-token"),
        pytest.param({"max_seconds": 0}, "Budget.max_seconds must be a number above 0", id="no-seconds"),
        pytest.param(
            {"max_cost": 1, "on_exceeded": "warn"}, "on_exceeded must be one of 'degrade', 'raise'", id="policy"
        ),
        pytest.param({"max_cost": 1, "answer_tokens": 0}, "Budget.answer_tokens must be a whole number", id="answers"),
    ],
)
def test_wrong_values(fields: dict[str, Any], problem: str) -> None:
    """A budget without a limit, or with a value that makes no sense, is refused with what is allowed."""
    with pytest.raises(ConfigurationError, match=problem):
        Budget(**fields)


def test_a_budget_of_a_file() -> None:
    """What stands in a file for a budget is a table with known keys; anything else is refused by name."""
    assert read_budget("Mixture.budget", None) is None
    with pytest.raises(ConfigurationError, match=r"Mixture\.budget must be a Budget, its table, or None; got 5"):
        read_budget("Mixture.budget", 5)
    with pytest.raises(ConfigurationError, match=r"Mixture\.budget: unknown key 'max_dollars'"):
        read_budget("Mixture.budget", {"max_dollars": 5})


def test_a_budget_is_frozen() -> None:
    """Nobody changes a budget behind the back of a mixture."""
    with pytest.raises(FrozenInstanceError):
        Budget(max_cost=1).max_cost = 2  # type: ignore[misc]
