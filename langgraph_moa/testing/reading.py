"""Reads behaviours from tables, as a TOML file holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.tables import read_table
from langgraph_moa.testing.behaviour import Behaviour, Latency, ToolCall

GOES_WELL = "ok"
"""How a schedule in a file says that a request meets no fault."""


def read_behaviours(path: str | Path) -> tuple[Behaviour, dict[str, Behaviour]]:
    """Return what a file says under `[default]`, and under `[models."name"]` for each model.

    A model's table holds only what differs from the default.

    Raises:
        ConfigurationError: The file cannot be read, or holds what is not allowed.
    """
    whole = checks.known_keys(str(path), read_table(path), ["default", "models"])
    default = checks.known_keys(f"{path}: [default]", whole.get("default", {}))
    models = checks.known_keys(f"{path}: [models]", whole.get("models", {}))
    own = {name: checks.known_keys(f"{path}: [models.{name!r}]", table) for name, table in models.items()}
    return behaviour_from(f"{path}: [default]", default), {
        name: behaviour_from(f"{path}: [models.{name!r}]", {**default, **table}) for name, table in own.items()
    }


def behaviour_from(what: str, table: Mapping[str, Any]) -> Behaviour:
    """Return the behaviour that a table describes.

    Args:
        what: Name of the table in errors.
        table: Fields of `Behaviour`; `latency` is a number or a table, `tool_calls` a list of tables, and "ok" in
            `schedule` stands for a request that goes well.

    Raises:
        ConfigurationError: A key or a value is not allowed.
    """
    values = checks.known_keys(what, table, [field.name for field in fields(Behaviour)])
    if not isinstance(values.get("reply", ""), str):
        raise ConfigurationError(f"{what}: reply must be text, got {checks.shown(values['reply'])}")
    with _named(what):
        if isinstance(values.get("latency"), Mapping):
            allowed = ["median", "sigma", "maximum"]
            values["latency"] = Latency(
                **checks.known_keys("latency", values["latency"], allowed, required=allowed[:1])
            )
        if "tool_calls" in values:
            values["tool_calls"] = [_tool_call(call) for call in checks.listed("tool_calls", values["tool_calls"])]
        if "schedule" in values:
            schedule = checks.listed("schedule", values["schedule"])
            values["schedule"] = [None if fault == GOES_WELL else fault for fault in schedule]
        return Behaviour(**values)


def _tool_call(value: object) -> ToolCall:
    return ToolCall(**checks.known_keys("tool_calls", value, ["name", "arguments"], required=["name"]))


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Put the name of a table before an error about what it holds."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{what}: {error}") from error
