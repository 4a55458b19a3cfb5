"""The last step of a record: no text of it keeps a key or half a character. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from langgraph_moa.record.run_record import RunRecord
from langgraph_moa.redaction import redact
from langgraph_moa.surrogates import well_formed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_PLACEHOLDERS = frozenset((
    "anything", "dummy-key", "fake-key", "llama-cpp", "llama.cpp", "lm-studio", "lmstudio", "localhost", "no-key",
    "no-key-needed", "no-key-required", "not-needed", "not-required", "not-used", "not_needed", "ollama", "placeholder",
    "secret", "unused", "your-api-key",
))  # fmt: skip
"""What servers without keys are given for one; answers may speak of them."""


def cleaned(record: RunRecord, known: Iterable[str]) -> RunRecord:
    """Return a record with every key masked, and with half characters replaced.

    Args:
        record: As it was heard.
        known: As in `cleaner`.
    """
    return cast("RunRecord", _with_texts(record, cleaner(known)))


def cleaner(known: Iterable[str]) -> Callable[[str], str]:
    """Return a function that masks keys in a text, and replaces half characters.

    Args:
        known: The keys that a run's models hold; `ollama`, `not-needed` and the like, which servers without keys are
            given, stay. What looks like a key is masked besides.
    """
    secrets = sorted((secret for secret in known if secret.lower() not in _PLACEHOLDERS), key=len, reverse=True)

    @cache  # the seats of a layer read the same texts
    def clean(text: str) -> str:
        return redact(well_formed(text), secrets)

    return clean


def _with_texts(value: Any, clean: Callable[[str], str]) -> Any:  # noqa: ANN401 - any part of a record
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, tuple | list):
        return type(value)(_with_texts(item, clean) for item in value)
    if isinstance(value, Mapping):
        return {name: _with_texts(item, clean) for name, item in value.items()}
    if is_dataclass(value):
        held = cast("DataclassInstance", value)
        return replace(held, **{part.name: _with_texts(getattr(held, part.name), clean) for part in fields(held)})
    return value
