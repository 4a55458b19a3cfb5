"""Claims about hedges as a recipe's data: what they take, refuse, write and plan."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.runnables import RunnableLambda

from langgraph_moa import Aggregator, Budget, ConfigurationError, Hedge, Layer, Mixture, Proposer, create_moa
from langgraph_moa.testing import ScriptedChatModel

SHARES = st.floats(min_value=0.001, max_value=0.999)
HEDGES = st.builds(
    Hedge,
    after=st.none() | st.floats(min_value=0.001, max_value=1e3),
    quantile=SHARES,
    least=st.integers(1, 512),
    most=SHARES,
)


@settings(max_examples=25)
@given(HEDGES)
def test_a_hedge_survives_toml_and_json(hedge: Hedge) -> None:
    """A mixture with a hedge is equal to what its TOML and its JSON give back."""
    mixture = Mixture.of([Proposer("openai:a", hedge=hedge), "openai:b"], "openai:c")
    written = mixture.to_dict()
    assert Mixture.from_dict(tomllib.loads(tomli_w.dumps(written))) == mixture
    assert Mixture.from_dict(json.loads(json.dumps(written))) == mixture


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param({"after": 0}, "Hedge.after must be a number above 0, or None; got 0", id="at-once"),
        pytest.param({"after": "3"}, "Hedge.after must be a number above 0, or None; got '3'", id="text"),
        pytest.param({"quantile": 95}, "Hedge.quantile must be a number above 0 and at most 1", id="percent"),
        pytest.param({"quantile": None}, "Hedge.quantile must have a value, got None", id="no-quantile"),
        pytest.param({"quantile": 1}, "Hedge.quantile must be below 1, .* Write 0.99", id="slowest"),
        pytest.param({"least": 0}, r"Hedge.least must be a whole number in 1\.\.512, got 0", id="none-measured"),
        pytest.param({"most": 1.5}, "Hedge.most must be a number above 0 and at most 1", id="more-than-all"),
        pytest.param({"p": 0.9}, "unknown key 'p'. Allowed keys: after, quantile, least, most", id="unknown"),
    ],
)
def test_an_error_names_the_value_and_what_is_allowed(fields: dict[str, Any], problem: str) -> None:
    """A wrong table is refused where it is written, with the value and what is allowed."""
    with pytest.raises(ConfigurationError, match=problem):
        Proposer("openai:a", hedge=fields)  # type: ignore[arg-type]  # a table, as files hold


@pytest.mark.parametrize("hedge", [True, 0.95, "p95"])
def test_a_hedge_is_a_hedge_or_its_table(hedge: object) -> None:
    """Nothing else stands for a hedge."""
    with pytest.raises(ConfigurationError, match=r"Proposer\.hedge must be a Hedge, its table, or None; got"):
        Proposer("openai:a", hedge=hedge)  # type: ignore[arg-type]


NESTED = Mixture.of(["openai:a"], "openai:b")


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(RunnableLambda(str), id="function"),
        pytest.param(NESTED, id="mixture"),
        pytest.param(create_moa(Mixture.of([ScriptedChatModel()], ScriptedChatModel())), id="compiled"),
    ],
)
def test_what_acts_or_calls_more_than_once_is_refused(model: Any) -> None:
    """A function, a graph and a mixture cannot be hedged, neither as the slot's own model nor as a fallback."""
    with pytest.raises(ConfigurationError, match=r"Proposer\.hedge goes with chat models"):
        Proposer(model, hedge=Hedge())
    with pytest.raises(ConfigurationError, match=r"Proposer\.hedge goes with chat models"):
        Proposer("openai:a", fallbacks=[model], hedge=Hedge())


def test_a_plan_says_how_many_calls_hedges_may_add() -> None:
    """Each draw of a hedged proposer may add one call, those in a nested mixture included; `calls` stays as it was."""
    hedged = Proposer("openai:a", samples=3, hedge=Hedge())
    inner = Mixture([Layer([hedged])], Aggregator("openai:b"))
    plan = Mixture([Layer([hedged, Proposer(inner, samples=2), "openai:c"])], "openai:d").plan()
    assert (plan.calls, plan.extra_calls) == (3 + 2 * 4 + 1 + 1, 3 + 2 * 3)
    assert plan.to_dict()["extra_calls"] == 9
    assert "extra_calls" not in NESTED.plan().to_dict()


def test_a_budget_of_dollars_or_tokens_refuses_hedges() -> None:
    """What is limited by a plan cannot be hedged, in a nested mixture either; seconds alone can be limited."""
    hedged = Mixture.of([Proposer("openai:a", hedge=Hedge())], "openai:b")
    for budget, limit in ((Budget(max_cost=1.0), "max_cost"), (Budget(max_tokens=10_000), "max_tokens")):
        for proposers in (list(hedged.layers[0].proposers), [hedged]):
            with pytest.raises(ConfigurationError, match=f"Mixture.budget limits {limit}, and Proposer.hedge"):
                Mixture.of(proposers, "openai:b", budget=budget)
    assert Mixture.of([hedged], "openai:b", budget=Budget(max_seconds=5.0)).plan().extra_calls == 1
