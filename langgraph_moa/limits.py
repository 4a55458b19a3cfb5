"""How many calls a provider, a model or a server is sent at a time, and how fast: data only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from langgraph_moa.checks import known_keys, number, shown, whole_number
from langgraph_moa.errors import ConfigurationError

_URL = re.compile(r"(https?)://(?:[^/?#]*@)?([^/?#\s]*)([^?#]*)", re.IGNORECASE)
_TRAILING = re.compile(r"[/\s]+\Z")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_LOOPBACK = re.compile(r"\A(?:localhost|\[::1\])(?=:|\Z)")
_EXAMPLES = "'together', 'openai:gpt-4o' or 'http://127.0.0.1:11434/v1'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What is allowed under one key; at least one of the three must be set.

    Args:
        concurrency: Calls in flight, at least 1.
        requests_per_minute: Above 0.
        tokens_per_minute: Above 0; input, estimated before the call, and output together.
    """

    concurrency: int | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def __post_init__(self) -> None:
        if self.concurrency is not None:
            whole_number("concurrency", self.concurrency, low=1)
        number("requests_per_minute", self.requests_per_minute, above=0)
        number("tokens_per_minute", self.tokens_per_minute, above=0)
        if not _set_fields(self):
            msg = f"a limit must set at least one of {', '.join(_FIELDS)}; got none. To limit nothing, leave it out"
            raise ConfigurationError(msg)


_FIELDS = tuple(field.name for field in fields(Limit))


class Limits(Mapping[str, Limit]):
    """Limits by key, which cannot be changed; its `repr` is what a user would write."""

    __slots__ = ("_by_key",)

    def __init__(self, by_key: Mapping[str, Limit]) -> None:
        self._by_key = dict(by_key)

    def __getitem__(self, key: str) -> Limit:
        return self._by_key[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self._by_key)

    def __repr__(self) -> str:
        return repr(write_limits(self))

    def __hash__(self) -> int:
        return hash(frozenset(self._by_key.items()))


def limit_key(name: str) -> str:
    """Return the one spelling of a key; names of providers and models stay as they are.

    A URL gets a lower-case scheme and host and loses the default port, trailing slashes, the query and the user's name
    and password, so that a key never holds a secret. `localhost` and `[::1]` are `127.0.0.1`.
    """
    name = name.strip()
    match = _URL.match(name)
    if match is None:
        return name
    scheme, host, path = match.groups()
    scheme = scheme.lower()
    server = _LOOPBACK.sub("127.0.0.1", host.lower().removesuffix(_DEFAULT_PORTS[scheme]))
    return f"{scheme}://{server}{_TRAILING.sub('', path)}"


def concerns(key: str, name: str) -> bool:
    """Say whether a limit is one of what a call is known by: a provider, a `provider:model`, or a base URL.

    Args:
        key: Of the limit. A URL also concerns every address below it: `http://h` that of `http://h/v1`.
        name: What the call is known by. Both are as `limit_key` returns them.
    """
    return name == key or (_URL.match(key) is not None and name.startswith(f"{key}/"))


def read_limits(what: str, value: object) -> Limits:
    """Read limits as a user or a file gives them: by key a whole number of calls in flight, a table, or a `Limit`.

    Args:
        what: Name of the limits in errors.
        value: A table. Its keys are a provider, a `"provider:model"` or a base URL.

    Raises:
        ConfigurationError: A key or value is wrong, or two keys mean the same server.
    """
    if isinstance(value, Limits):
        return value
    by_key: dict[str, Limit] = {}
    for given, item in known_keys(what, value).items():
        key = _read_key(what, given)
        if key in by_key:
            msg = f"{what}: two keys mean {key!r}. Keep one of them"
            raise ConfigurationError(msg)
        by_key[key] = _read_limit(f"{what}[{key!r}]", item)
    return Limits(by_key)


def write_limits(limits: Mapping[str, Limit]) -> dict[str, Any]:
    """Return limits for TOML or JSON, which `read_limits` gives back equal."""
    written: dict[str, Any] = {}
    for key, limit in limits.items():
        table = _set_fields(limit)
        written[key] = limit.concurrency if list(table) == ["concurrency"] else table
    return written


def tighter(outer: Mapping[str, Limit], inner: Mapping[str, Limit]) -> Limits:
    """Return the limits that keep both: under each key, of each field the lower number."""
    merged = dict(outer)
    for key, limit in inner.items():
        merged[key] = _lower(outer[key], limit) if key in outer else limit
    return Limits(merged)


def applying(limits: Mapping[str, Limit], keys: Iterable[str]) -> dict[str, Limit]:
    """Return the limits that concern a call.

    Args:
        limits: As `read_limits` returns them.
        keys: The call's provider, its `"provider:model"` and its base URL, as far as they are known.
    """
    if not limits:
        return {}
    names = [limit_key(key) for key in keys]
    return {key: limit for key, limit in limits.items() if any(concerns(key, name) for name in names)}


def _set_fields(limit: Limit) -> dict[str, Any]:
    return {name: getattr(limit, name) for name in _FIELDS if getattr(limit, name) is not None}


def _read_key(what: str, given: object) -> str:
    if not isinstance(given, str) or not given.strip():
        msg = f"{what}: a key must be text such as {_EXAMPLES}, got {shown(given)}"
        raise ConfigurationError(msg)
    key = limit_key(given)
    match = _URL.match(key)
    if match is not None and not match[2]:
        msg = f"{what}: {key!r} names no host. Write a key such as {_EXAMPLES}"
        raise ConfigurationError(msg)
    return key


def _read_limit(what: str, item: object) -> Limit:
    try:
        if isinstance(item, Limit):
            return item
        if isinstance(item, int):
            return Limit(concurrency=item)
        if isinstance(item, Mapping):
            return Limit(**known_keys("its table", item, _FIELDS))
    except ConfigurationError as error:
        msg = f"{what}: {error}"
        raise ConfigurationError(msg) from None
    msg = f"{what} must be a whole number of calls in flight, or a table with {', '.join(_FIELDS)}; got {shown(item)}"
    raise ConfigurationError(msg)


def _lower(one: Limit, other: Limit) -> Limit:
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in _FIELDS}
    given = {name: [value for value in pair if value is not None] for name, pair in pairs.items()}
    return Limit(**{name: min(values) for name, values in given.items() if values})
