"""Takes secrets out of text, plain data and exceptions before they are kept or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

MASK = "**********"
_SHORTEST_SECRET = 6

_SECRET_NAME = re.compile(
    r"(?i)((api|access|secret|private)[-_]?key([-_]?id)?|token|secret|password|passwd|authorization|credentials?|headers?)$"
)
_PATTERNS = (
    re.compile(r"(?i)(?<=bearer )[^\s'\",;]+"),
    re.compile(r"(?i)(?<=basic )(?=[A-Za-z+/]{0,64}[0-9=])[A-Za-z0-9+/=]{8,}"),
    re.compile(r"\b(?:sk|gsk|tgp|xai|lsv2|ghp|glpat)[-_][A-Za-z0-9_\-]{8,}"),
    re.compile(r"\b(?:pk|rk|hf|key)[-_](?=[A-Za-z_\-]{0,64}[0-9])[A-Za-z0-9_\-]{8,}"),
    re.compile(r"(?i)(?<=api key provided: )[^\s'\",;]+"),
    re.compile(r"(?i)(?<=[?&]key=)[^\s&'\",;]+"),
    re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"),
)
_MARKS = re.compile(
    r"(?i)bearer |basic |(?:sk|gsk|tgp|xai|lsv2|ghp|glpat|pk|rk|hf|key)[-_]|api|[?&]key=|://|token|secret|password"
)
"""One of these stands in every text that a pattern finds something in."""
_ASSIGNED = re.compile(
    r"(?i)((?:api[-_]?key['\"]?\s?[=:]|(?:token|secret|password)(?:=|['\"]\s?:))\s?['\"]?)[^\s&'\",;*]+"
)
_SCHEMAS = ("tools", "properties")
"""Tables of other people's names, `page_token` among them."""
_HIDDEN_ATTRIBUTES = ("strerror", "filename", "filename2", "msg", "reason")
"""What built-in exceptions are shown by, beside what stands in their `__dict__` and `args`."""


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Say whether a parameter of this name holds a secret, as `api_key` or `default_headers` do."""
    return _SECRET_NAME.search(name) is not None


def redact(text: str, known: Iterable[str] = ()) -> str:
    """Replace secrets in a text by asterisks.

    Args:
        text: Such as a provider's error message.
        known: Secrets that may stand in it. What looks like a key, a bearer token or a password in a URL is replaced
            besides.
    """
    for secret in known:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, MASK)
    if _MARKS.search(text) is None:
        return text
    for pattern in _PATTERNS:
        text = pattern.sub(MASK, text)
    return _ASSIGNED.sub(rf"\g<1>{MASK}", text)


def redact_data(value: Any, known: Iterable[str] = (), *, name: str = "") -> Any:  # noqa: ANN401 - plain data
    """Return a copy of plain data with its secrets masked: what stands under a secret's name, and keys in any text.

    Args:
        value: Strings in tables and lists, such as what a trace shows of a model. Other objects stay as they are, and
            so does LangChain's placeholder for a secret, which names the environment variable alone.
        known: Secrets that may stand in it.
        name: The name under which `value` is held.
    """
    secrets = tuple(known)
    if isinstance(value, str | bytes):
        if value and is_secret_name(name):
            return MASK
        return redact(value, secrets) if isinstance(value, str) else value
    if isinstance(value, Mapping):
        if value.get("type") == "secret" and "lc" in value:
            return value
        whole = is_secret_name(name)
        return {
            key: item if key in _SCHEMAS else redact_data(item, secrets, name=name if whole else str(key))
            for key, item in value.items()
        }
    if type(value) in {list, tuple}:
        return type(value)(redact_data(item, secrets, name=name) for item in value)
    return value


def redact_error(error: BaseException, known: Iterable[str] = ()) -> None:
    """Take secrets out of an exception, its notes, causes, contexts and members: whatever prints it finds none.

    The objects stay the same, so that `except` clauses and identities hold. A cause whose text cannot be changed, as
    that of a pydantic `ValidationError`, gives way to a stand-in; an outermost exception of that kind stays.

    Args:
        error: Changed in place.
        known: Secrets that may stand in it.
    """
    secrets = tuple(known)
    linked = _linked(error)
    for found in linked:
        _redact_one(found, secrets)
    for found in linked:
        _replace_unchangeable(found, secrets)


def _linked(error: BaseException) -> list[BaseException]:
    """Return an exception and all that is printed with it."""
    found: dict[int, BaseException] = {}
    waiting = [error]
    while waiting:
        link = waiting.pop()
        if id(link) not in found:
            found[id(link)] = link
            waiting += [other for other in (link.__cause__, link.__context__) if other is not None]
            waiting += link.exceptions if isinstance(link, BaseExceptionGroup) else ()
    return list(found.values())


def _redact_one(error: BaseException, secrets: tuple[str, ...]) -> None:
    with suppress(Exception):  # whatever an exception does that is looked into
        error.args = tuple(_changed(item, secrets) for item in error.args)
    for name in {*getattr(error, "__dict__", {}), *_HIDDEN_ATTRIBUTES}:
        with suppress(Exception):
            value = getattr(error, name)
            changed = _changed(value, secrets, name)
            if changed is not value:
                setattr(error, name, changed)


def _changed(value: object, secrets: tuple[str, ...], name: str = "") -> object:
    """Return what holds no secret: the same object where there was none."""
    if not isinstance(value, str | list | tuple | dict):
        return value
    redacted: object = redact_data(value, secrets, name=name)
    return value if redacted == value else redacted


def _replace_unchangeable(error: BaseException, secrets: tuple[str, ...]) -> None:
    suppressed = error.__suppress_context__
    for link in ("__cause__", "__context__"):
        linked = getattr(error, link)
        if linked is not None and redact(_said(linked), secrets) != _said(linked):
            setattr(error, link, RuntimeError(f"{type(linked).__name__}: {redact(_said(linked), secrets)}"))
    error.__suppress_context__ = suppressed


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an exception that cannot be shown says nothing
        return ""
