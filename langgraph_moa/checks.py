"""Checks of single values of a recipe. Each error names the value, what is allowed and what to do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langgraph_moa.errors import ConfigurationError


def shown(value: object) -> str:
    """Write a value for an error. Of a table only its keys, of an object only its type: either may hold a secret."""
    if value is None or isinstance(value, str | bytes | int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return f"a table with the keys {', '.join(map(str, value)) or '(none)'}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(shown(item) for item in value)}]"
    return f"an object of type {type(value).__name__}"


def number(
    what: str, value: object, *, above: float | None = None, low: float | None = None, high: float | None = None
) -> None:
    """Refuse what is neither `None` nor a finite number in bounds; `above` is exclusive, `low` and `high` are not."""
    if value is None:
        return
    outside = (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or (isinstance(value, float) and not math.isfinite(value))
        or (above is not None and value <= above)
        or (low is not None and value < low)
        or (high is not None and value > high)
    )
    if outside:
        bounds = [f"above {above:g}"] if above is not None else []
        bounds += [f"at least {low:g}"] if low is not None else []
        bounds += [f"at most {high:g}"] if high is not None else []
        msg = f"{what} must be a number {' and '.join(bounds)}, or None; got {shown(value)}"
        raise ConfigurationError(msg)


def whole_number(what: str, value: object, *, low: int, high: int | None = None) -> None:
    """Refuse what is not an integer in `low..high`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        allowed = f"{low}..{high}" if high is not None else f"{low} or more"
        msg = f"{what} must be a whole number in {allowed}, got {shown(value)}"
        raise ConfigurationError(msg)


def flag(what: str, value: object) -> None:
    """Refuse what is neither `True` nor `False`: the text "false" would count as true."""
    if not isinstance(value, bool):
        msg = f"{what} must be true or false, without quotes; got {shown(value)}"
        raise ConfigurationError(msg)


def choice(what: str, value: object, allowed: Sequence[str]) -> None:
    """Refuse what is not one of the allowed words."""
    if value not in allowed:
        msg = f"{what} must be one of {', '.join(repr(word) for word in allowed)}; got {shown(value)}"
        raise ConfigurationError(msg)


def listed(what: str, value: object) -> tuple[Any, ...]:
    """Return a list's items; refuse a bare string, to be read letter by letter, and a set, which has no order."""
    if isinstance(value, str | bytes | Mapping | set | frozenset) or not isinstance(value, Iterable):
        example = f"[{value!r}] for a single one" if isinstance(value, str) else "[...], also for a single one"
        msg = f"{what} must be a list, got {shown(value)}. Write {example}"
        raise ConfigurationError(msg)
    return tuple(value)


def known_keys(
    what: str, table: object, allowed: Iterable[str] | None = None, *, required: Iterable[str] = ()
) -> dict[str, Any]:
    """Return a table; refuse what is not one, keys that mean nothing, and missing ones.

    Args:
        what: Name of the table in errors.
        table: As read from a file.
        allowed: `None` allows every key.
        required: Keys that must be there.
    """
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{what} must be a table, got {shown(table)}. Write key = value pairs")
    names = None if allowed is None else list(allowed)
    unknown = [str(key) for key in table if names is not None and key not in names]
    missing = [key for key in required if key not in table]
    if unknown or missing:
        problem = (
            f"unknown key {', '.join(map(repr, unknown))}"
            if unknown
            else f"missing key {', '.join(map(repr, missing))}"
        )
        raise ConfigurationError(f"{what}: {problem}. Allowed keys: {', '.join(names) if names else 'any'}")
    return dict(table)


def text(what: str, value: object) -> None:
    """Refuse what is neither `None` nor a string with something in it."""
    if value is not None and (not isinstance(value, str) or not value.strip()):
        msg = f"{what} must be text, or None; got {shown(value)}"
        raise ConfigurationError(msg)
