"""What a run may take, and what was left out of it to stay within that: data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from typing_extensions import TypedDict

from langgraph_moa.checks import choice, known_keys, number, shown, whole_number
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.proposal import Failure

OnExceeded = Literal["degrade", "raise"]
BudgetLimit = Literal["max_cost", "max_tokens", "max_seconds"]
BUDGET_EXCEEDED = "BudgetExceeded"
"""Kind of the failure of a proposer that was not asked because the budget did not allow for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a run may take at most; at least one of the three limits must be set.

    It is checked before each layer and before the aggregator, with what was really used so far and an estimate of what
    is to come, the aggregator's call included.
    """

    max_cost: float | None = None
    """US dollars. Every model must have a price: see `Mixture.prices`."""
    max_tokens: int | None = None
    """Tokens of all calls, read and written."""
    max_seconds: float | None = None
    """Seconds in which somebody was at work, pauses apart. No layer waits longer than what is left of them, its own
    aggregator included; the mixture's aggregator still answers when they are over."""
    on_exceeded: OnExceeded = "degrade"
    """`"degrade"` drops layers, then proposers of the first layer, and raises `BudgetError` where the least of the
    plan is too much; `"raise"` raises it as soon as the whole plan does not fit."""
    answer_tokens: int = 2048
    """What is counted for an answer whose length no `max_tokens` bounds."""

    def __post_init__(self) -> None:
        """Check every field."""
        number("Budget.max_cost", self.max_cost, low=0)
        if self.max_tokens is not None:
            whole_number("Budget.max_tokens", self.max_tokens, low=1)
        number("Budget.max_seconds", self.max_seconds, above=0)
        choice("Budget.on_exceeded", self.on_exceeded, get_args(OnExceeded))
        whole_number("Budget.answer_tokens", self.answer_tokens, low=1)
        if self.max_cost is None and self.max_tokens is None and self.max_seconds is None:
            limits = ", ".join(get_args(BudgetLimit))
            raise ConfigurationError(f"a Budget must set at least one of {limits}. To limit nothing, leave it out")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, for TOML or JSON; `read_budget` gives them back."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) != field.default}


class LeftOut(Failure):
    """Why a proposer was not asked: what was decided before the first call, so that a resumed run keeps to it."""

    limit: BudgetLimit
    allowed: float
    needed: float


class BudgetDecision(TypedDict):
    """What was left out of a run because of its budget."""

    limit: BudgetLimit
    """The limit that the whole plan would have passed."""
    allowed: float
    """That limit: US dollars, tokens or seconds."""
    needed: float
    """What the whole plan would have come to, estimated; of seconds, those that had passed."""
    dropped_layers: list[int]
    """Counted from 1."""
    dropped_slots: list[str]
    """Nodes whose models were not asked, in the order in which they were dropped: proposers, then a layer's own
    aggregator for which no time was left."""


def read_budget(what: str, value: object) -> Budget | None:
    """Return a budget as a user or a file gives it: a `Budget`, its table, or `None`.

    Raises:
        ConfigurationError: It is something else, or a value is wrong.
    """
    if value is None or isinstance(value, Budget):
        return value
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{what} must be a Budget, its table, or None; got {shown(value)}")
    return Budget(**known_keys(what, value, [field.name for field in fields(Budget)]))
