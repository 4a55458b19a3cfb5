"""Keys: where they come from, and which ones a model holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from types import CellType, FunctionType
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from langgraph_moa.providers import Provider
from langgraph_moa.redaction import is_secret_name

_MOST_OBJECTS = 20_000
NO_KEY = SecretStr("not-needed")
"""Sent to a server on this machine when no key is set: the OpenAI client insists on one."""


def key_names(provider_name: str) -> tuple[str, str]:
    """Return the constructor arguments that may hold a provider's key."""
    return "api_key", f"{provider_name}_api_key"


def find_key(provider_name: str, provider: Provider, kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401 - may be a function
    """Return the key that a seat gives or the environment holds; `None` where there is none.

    An empty key is none: a client that is given one looks for a key elsewhere, and may find another provider's.
    """
    for name in key_names(provider_name):
        given = kwargs.get(name)
        text = given.get_secret_value() if isinstance(given, SecretStr) else given
        if text is not None and (not isinstance(text, str) or text.strip()):
            return given
    value = os.environ.get(provider.key_variable or "", "").strip()
    if value:
        return SecretStr(value)
    return NO_KEY if _is_on_this_machine(provider, kwargs.get("base_url")) else None


def secrets_in(holder: object) -> set[str]:
    """Return the keys that a model, or a chain, graph or function round one, holds.

    They must not stand in an error message.
    """
    found: set[str] = set()
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [("", holder)]
    while waiting and len(seen) < _MOST_OBJECTS:
        name, value = waiting.pop()
        if isinstance(value, SecretStr):
            found.add(value.get_secret_value())
        elif isinstance(value, str) and is_secret_name(name):
            found.add(value)
        elif id(value) not in seen:
            seen.add(id(value))
            waiting += _parts(name, value)
    return found


def _parts(name: str, holder: object) -> list[tuple[str, object]]:
    """Return what an object holds, by name; all that stands in a table of secrets, such as headers, is one."""
    if isinstance(holder, Mapping):
        return [(name if is_secret_name(name) else str(key), value) for key, value in holder.items()]
    if isinstance(holder, list | tuple):
        return [(name, value) for value in holder]
    if isinstance(holder, partial):
        return [("", holder.func), ("", holder.args), ("", holder.keywords)]
    if isinstance(holder, FunctionType):
        return [("", cell.cell_contents) for cell in holder.__closure__ or () if _is_filled(cell)]
    if isinstance(holder, BaseModel) or type(holder).__module__.startswith(("langchain", "langgraph")):
        slots = getattr(type(holder), "__slots__", ())
        held = {slot: getattr(holder, slot, None) for slot in ([slots] if isinstance(slots, str) else slots)}
        return list({**held, **getattr(holder, "__dict__", {})}.items())
    return []


def _is_filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _is_on_this_machine(provider: Provider, base_url: object) -> bool:
    """Say whether requests stay on this machine, where servers ask for no key."""
    url = base_url or (os.environ.get("OPENAI_BASE_URL") if provider.key_variable == "OPENAI_API_KEY" else None)
    return urlsplit(str(url)).hostname in {"localhost", "127.0.0.1", "::1"} if url else False
