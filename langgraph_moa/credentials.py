"""Keys: where they come from, and which ones a model holds."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from types import CellType, FunctionType, MethodType
from typing import Any
from urllib.parse import urlsplit

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable
from pydantic import BaseModel, SecretStr

from langgraph_moa.providers import Provider
from langgraph_moa.redaction import is_secret_name

_MOST_OBJECTS = 20_000
_MOST_ITEMS = 1_000
_NUMBERS = frozenset({int, float, bool, type(None)})
"""Looked up by class, which is quicker than `isinstance`: most of what a model holds is one of these."""
_LEAVES = (str, bytes, int, float, complex, type(None), BaseMessage)
"""What holds no key of the model: also a conversation, of which it may keep many."""
_SCHEMAS = ("tools", "properties")
"""Tables of other people's names, `page_token` among them."""
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
    waiting: deque[tuple[str, object]] = deque([("", holder)])
    while waiting and len(seen) < _MOST_OBJECTS:
        name, value = waiting.popleft()
        if type(value) in _NUMBERS:
            continue
        if isinstance(value, SecretStr):
            found.add(value.get_secret_value())
        elif isinstance(value, str) and is_secret_name(name):
            found.add(value)
        elif not isinstance(value, _LEAVES) and id(value) not in seen:
            seen.add(id(value))
            with suppress(Exception):  # whatever an object does that is looked into
                waiting += _parts(name, value)
    return found


def _parts(name: str, holder: object) -> Iterable[tuple[str, object]]:
    """Return what an object holds, by name; all that stands in a table of secrets, such as headers, is one."""
    if isinstance(holder, Mapping):
        if holder.get("type") == "secret" and "lc" in holder:  # LangChain's placeholder: it names a variable
            return []
        secret = is_secret_name(name)
        return [(name if secret else str(key), item) for key, item in holder.items() if key not in _SCHEMAS]
    if isinstance(holder, list | tuple):
        is_conversation = bool(holder) and isinstance(holder[0], BaseMessage)
        return [] if is_conversation else [(name, item) for item in islice(holder, _MOST_ITEMS)]
    if isinstance(holder, partial | MethodType | FunctionType):
        return [("", part) for part in _bound_to(holder)]
    if isinstance(holder, BaseModel | Runnable) or type(holder).__module__.startswith(("langchain", "langgraph")):
        slots = getattr(type(holder), "__slots__", ())
        held = {slot: getattr(holder, slot, None) for slot in ([slots] if isinstance(slots, str) else slots)}
        return {**held, **getattr(holder, "__dict__", {})}.items()
    return []


def _bound_to(function: partial[object] | MethodType | FunctionType) -> list[object]:
    if isinstance(function, partial):
        return [function.func, function.args, function.keywords]
    if isinstance(function, MethodType):
        return [function.__self__]
    return [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]


def _is_filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _is_on_this_machine(provider: Provider, base_url: object) -> bool:
    """Say whether requests stay on this machine, where servers ask for no key."""
    url = base_url or (os.environ.get("OPENAI_BASE_URL") if provider.key_variable == "OPENAI_API_KEY" else None)
    return urlsplit(str(url)).hostname in {"localhost", "127.0.0.1", "::1"} if url else False
