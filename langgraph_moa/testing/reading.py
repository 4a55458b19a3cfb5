"""Reads behaviours from tables, as a TOML file holds them."""

from __future__ import annotations

from collections.abc import Mapping
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
    default = checks.known_keys("[default]", whole.get("default", {}))
    models = checks.known_keys("[models]", whole.get("models", {}))
    own = {name: checks.known_keys(f"[models.{name!r}]", table) for name, table in models.items()}
    return behaviour_from("[default]", default), {
        name: behaviour_from(f"[models.{name!r}]", {**default, **table}) for name, table in own.items()
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
    for name in ("reply", "reasoning"):
        if name in values and not isinstance(values[name], str):
            raise ConfigurationError(f"{what}: {name} must be text, got {checks.shown(values[name])}")
    if "latency" in values:
        values["latency"] = _latency(f"{what}: latency", values["latency"])
    if "tool_calls" in values:
        calls = checks.listed(f"{what}: tool_calls", values["tool_calls"])
        values["tool_calls"] = tuple(_tool_call(f"{what}: tool_calls", call) for call in calls)
    if "schedule" in values:
        schedule = checks.listed(f"{what}: schedule", values["schedule"])
        values["schedule"] = tuple(None if fault == GOES_WELL else fault for fault in schedule)
    if "faults" in values:
        values["faults"] = checks.known_keys(f"{what}: faults", values["faults"])
    return Behaviour(**values)


def _latency(what: str, value: Any) -> Latency:  # noqa: ANN401 - as read from a file
    if not isinstance(value, Mapping):
        return Latency(median=value)
    return Latency(**checks.known_keys(what, value, ["median", "sigma", "maximum"], required=["median"]))


def _tool_call(what: str, value: object) -> ToolCall:
    return ToolCall(**checks.known_keys(what, value, ["name", "arguments"], required=["name"]))
