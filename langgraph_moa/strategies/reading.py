"""Strategies by name, as recipes write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.serialization import plain_table, read_fields
from langgraph_moa.strategies.base import Strategy
from langgraph_moa.strategies.consensus import Consensus
from langgraph_moa.strategies.council import Council
from langgraph_moa.strategies.select import Select
from langgraph_moa.strategies.sequential import Sequential
from langgraph_moa.strategies.synthesize import Synthesize
from langgraph_moa.strategies.vote import Vote

StrategyName = Literal["synthesize", "select", "vote", "council", "sequential", "consensus"]
StrategyLike: TypeAlias = StrategyName | Strategy | Mapping[str, Any]
"""A name, a strategy with settings of its own, or the table of one: `{"name": "sequential", "window": 4}`."""
STRATEGIES: dict[str, type[Strategy]] = {
    kind.name: kind for kind in (Synthesize, Select, Vote, Council, Sequential, Consensus)
}
"""By name."""


def read_strategy(what: str, given: object) -> Strategy:
    """Return a strategy.

    Args:
        what: Name of the field in errors.
        given: As `StrategyLike`.

    Raises:
        ConfigurationError: The name is unknown, or a setting is unknown or wrong.
    """
    if isinstance(given, Strategy):
        return given
    if isinstance(given, Mapping):
        table = checks.known_keys(what, given)
        kind = _kind(f"{what}.name", table.pop("name", None))
        return kind(**read_fields(what, table, kind))
    return _kind(what, given)()


def shortest(strategy: Strategy) -> StrategyLike:
    """Return the name of a strategy without settings, so that both ways to write it are equal; any other as it is."""
    return strategy.name if _is_known(strategy) and not plain_table(strategy) else strategy  # type: ignore[return-value]


def write_strategy(strategy: Strategy) -> str | dict[str, Any]:
    """Return a strategy as recipes write it: its name, or a table where it has settings.

    Raises:
        ConfigurationError: It is of a class that recipes cannot name.
    """
    if not _is_known(strategy):
        msg = f"strategy {type(strategy).__name__!r} is a class of your own, which cannot be written: use one of "
        raise ConfigurationError(msg + ", ".join(map(repr, STRATEGIES)))
    settings = plain_table(strategy)
    return {"name": strategy.name, **settings} if settings else strategy.name


def _is_known(strategy: Strategy) -> bool:
    return STRATEGIES.get(strategy.name) is type(strategy)


def _kind(what: str, name: object) -> type[Strategy]:
    if not isinstance(name, str) or name not in STRATEGIES:
        allowed = ", ".join(map(repr, STRATEGIES))
        msg = f"{what} must be one of {allowed}, or a Strategy; got {checks.shown(name)}"
        raise ConfigurationError(msg)
    return STRATEGIES[name]
