"""The last step of a record: no text of it keeps a key or half a character. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from langgraph_moa.record.run_record import RunRecord
from langgraph_moa.redaction import redact
from langgraph_moa.surrogates import well_formed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_WORD = re.compile(r"[A-Za-z]+(?:[-_ ][A-Za-z]+)*")
_LONGEST_WORD = 20


def cleaned(record: RunRecord, known: Iterable[str]) -> RunRecord:
    """Return a record with every key masked, and with half characters replaced.

    Args:
        record: As it was heard.
        known: The keys that the run's models hold; a short word without digits, as `ollama` or `not-needed`, is what
            servers without keys are given, and stays. What looks like a key is masked besides.
    """
    secrets = sorted((secret for secret in known if not _is_a_word(secret)), key=len, reverse=True)

    @cache  # the seats of a layer read the same texts
    def clean(text: str) -> str:
        return redact(well_formed(text), secrets)

    return cast("RunRecord", _with_texts(record, clean))


def _is_a_word(secret: str) -> bool:
    return len(secret) < _LONGEST_WORD and _WORD.fullmatch(secret) is not None


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
