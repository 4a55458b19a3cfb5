"""Strategies in recipes: written, read again, and planned for."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from langgraph_moa import Aggregator, ConfigurationError, Mixture, Proposer
from langgraph_moa.strategies import STRATEGIES, Consensus


@given(st.sampled_from(sorted(STRATEGIES)), st.integers(2, 9), st.booleans())
def test_every_way_to_write_a_strategy_is_equal(name: Any, window: int, is_table: bool) -> None:  # noqa: FBT001 - drawn
    """A mixture comes back equal from its table, whether its strategy is a name, an object or a table."""
    settings: dict[str, Any] = {"sequential": {"window": window}, "vote": {"weights": {"openai:a": window}}}
    given_settings = settings.get(name, {}) if window % 2 else {}
    strategy = {"name": name, **given_settings} if is_table else STRATEGIES[name](**given_settings)
    recipe = Mixture.of(["openai:a"], Aggregator("openai:b", strategy=strategy))
    assert Mixture.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    if not given_settings:
        assert recipe == Mixture.of(["openai:a"], Aggregator("openai:b", strategy=name))


@dataclass(frozen=True, slots=True)
class Own(Consensus):
    """A strategy of somebody else."""

    name: ClassVar[str] = "vote"


def test_a_class_of_ones_own_has_no_written_form() -> None:
    """A strategy that recipes cannot name is refused when it is written, and not taken for another one."""
    recipe = Mixture.of(["openai:a"], Aggregator(strategy=Own()))
    with pytest.raises(ConfigurationError, match="'Own' is a class of your own"):
        recipe.to_dict()


@pytest.mark.parametrize("aggregator", [Aggregator(strategy="vote"), Aggregator("openai:gpt-4o", strategy="select")])
def test_a_nested_mixture_that_chooses_is_planned_by_its_longest_proposal(aggregator: Aggregator) -> None:
    """What reads a nested mixture's answer is planned for the longest proposal that may be it, not its last call."""
    inner = Mixture.of(
        [Proposer("openai:gpt-4o", max_tokens=1000), Proposer("openai:gpt-4o-mini", max_tokens=10)],
        replace(aggregator, max_tokens=20),
        name="inner",
    )
    *_, last = Mixture.of([inner], "openai:gpt-4o").plan([HumanMessage("How many?")]).slots
    assert last.input_tokens is not None
    assert last.input_tokens > 1000
