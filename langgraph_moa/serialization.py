"""Frozen dataclasses as plain tables, and back: only what differs from its default is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from langgraph_moa.checks import known_keys
from langgraph_moa.errors import ConfigurationError


def plain_table(instance: Any, **nested: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Return the fields of a dataclass that differ from their defaults.

    Args:
        instance: The dataclass.
        nested: Fields whose value is replaced by another, such as the tables of nested dataclasses.
    """
    table: dict[str, Any] = {}
    for entry in fields(instance):
        value = getattr(instance, entry.name)
        if entry.init and value is not None and value != _default(entry):
            table[entry.name] = nested.get(entry.name, value)
    return table


def read_fields(
    what: str, table: object, cls: type[Any], *, also: Iterable[str] = (), optional: Iterable[str] = ()
) -> dict[str, Any]:
    """Check a table's keys against the fields of a dataclass.

    Args:
        what: Name of the table in errors.
        table: As read from a file.
        cls: The dataclass.
        also: Keys that are allowed besides its fields.
        optional: Fields that may be missing although they have no default.

    Raises:
        ConfigurationError: A key is unknown or missing.
    """
    known = [entry for entry in fields(cls) if entry.init]
    required = [entry.name for entry in known if _default(entry) is MISSING and entry.name not in optional]
    return known_keys(what, table, [*(entry.name for entry in known), *also], required=required)


def _default(entry: Field[Any]) -> Any:  # noqa: ANN401 - of any field
    return entry.default if entry.default_factory is MISSING else entry.default_factory()


def as_mapping(what: str, value: object) -> Mapping[str, Any]:
    """Return a mapping whose keys are strings; refuse anything else."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        msg = f"{what} must be a mapping from argument names to values, got {type(value).__name__}"
        raise ConfigurationError(msg)
    return value
