"""Checks of single values of a recipe. Each error names the value, what is allowed and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langgraph_moa.errors import ConfigurationError


def number(
    what: str, value: object, *, above: float | None = None, low: float | None = None, high: float | None = None
) -> None:
    """Refuse what is neither `None` nor a number within the bounds; `above` is exclusive, `low` and `high` are not."""
    if value is None:
        return
    outside = (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or value != value  # noqa: PLR0124 - true of NaN only
        or (above is not None and value <= above)
        or (low is not None and value < low)
        or (high is not None and value > high)
    )
    if outside:
        bounds = [f"above {above:g}"] if above is not None else []
        bounds += [f"at least {low:g}"] if low is not None else []
        bounds += [f"at most {high:g}"] if high is not None else []
        msg = f"{what} must be a number {' and '.join(bounds)}, or None; got {value!r}"
        raise ConfigurationError(msg)


def whole_number(what: str, value: object, *, low: int, high: int | None = None) -> None:
    """Refuse what is not an integer in `low..high`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        allowed = f"{low}..{high}" if high is not None else f"{low} or more"
        msg = f"{what} must be a whole number in {allowed}, got {value!r}"
        raise ConfigurationError(msg)


def choice(what: str, value: object, allowed: Sequence[str]) -> None:
    """Refuse what is not one of the allowed words."""
    if value not in allowed:
        msg = f"{what} must be one of {', '.join(repr(word) for word in allowed)}; got {value!r}"
        raise ConfigurationError(msg)


def listed(what: str, value: object) -> tuple[Any, ...]:
    """Return a list's items; refuse a bare string, which would be read letter by letter."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        msg = f"{what} must be a list, got {value!r}. Write [{value!r}] for a single one"
        raise ConfigurationError(msg)
    return tuple(value)


def known_keys(what: str, table: object, allowed: Iterable[str]) -> dict[str, Any]:
    """Return a table; refuse what is not one, and keys that mean nothing."""
    names = list(allowed)
    if not isinstance(table, Mapping):
        msg = f"{what} must be a table, got {table!r}. Allowed keys: {', '.join(names)}"
        raise ConfigurationError(msg)
    unknown = [str(key) for key in table if key not in names]
    if unknown:
        msg = f"{what}: unknown key {', '.join(map(repr, unknown))}. Allowed keys: {', '.join(names)}"
        raise ConfigurationError(msg)
    return dict(table)


def text(what: str, value: object) -> None:
    """Refuse what is neither `None` nor a string with something in it."""
    if value is not None and (not isinstance(value, str) or not value.strip()):
        msg = f"{what} must be text, or None; got {value!r}"
        raise ConfigurationError(msg)
