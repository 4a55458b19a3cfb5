"""Structured answers compared and merged field by field. Pure.

A field is a leaf of the object: a value, or a list as a whole, at its path, such as `address.city`. Two texts agree
when they differ in case and white space alone, two numbers when they are equal, two lists when all their items agree,
in order.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

from langgraph_moa.proposal import LONGEST_WORD

MOST_FIELDS = 200
"""That are told of one answer."""
_PLAIN_SIGNS = frozenset("_-$@")
_ABSENT = object()


class FieldAgreement(TypedDict):
    """How far the proposals agree with one field of the answer."""

    agreement: float
    """Share of the proposals that have the answer's value there: 0..1."""
    supporters: list[str]
    """Their slots, in configured order."""
    values: int
    """How many different values the proposals have there; 0 when none has the field."""


def field_agreement(
    answer: Mapping[str, Any], proposals: Sequence[tuple[str, Mapping[str, Any] | None]]
) -> dict[str, FieldAgreement]:
    """Say of each field of an answer which proposals support it.

    Args:
        answer: The value of the answer.
        proposals: The slot and the value of each usable proposal, in configured order; `None`: it holds no value.

    Returns:
        By path, in the order of the answer, the first `MOST_FIELDS`, each path cut to 200 characters; nothing where
        there is no proposal.
    """
    fields: dict[str, FieldAgreement] = {}
    for steps, value in _leaves(answer) if proposals else ():
        if len(fields) == MOST_FIELDS:
            break
        fields.setdefault(path_of(steps)[:LONGEST_WORD], _support(comparable(value), steps, proposals))
    return fields


def plurality(values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge values field by field: each is as most of them have it, or left out where more than half leave it out.

    Among equals the earliest value's field is taken. Where most have an object, its fields are decided by those alone.

    Args:
        values: At least one, in configured order.
    """
    names = dict.fromkeys(name for value in values for name in value)
    having = {name: [value[name] for value in values if name in value] for name in names}
    return {name: _most_common(held) for name, held in having.items() if 2 * len(held) >= len(values)}


def nearest(merged: Mapping[str, Any], values: Sequence[Mapping[str, Any]]) -> int:
    """Return the index of the value that has most fields of a merged one; the earliest among equals."""
    wanted = [(steps, comparable(value)) for steps, value in _leaves(merged)]
    shared = [sum(comparable(_at(value, steps)) == key for steps, key in wanted) for value in values]
    return shared.index(max(shared))


def path_of(steps: Sequence[str]) -> str:
    """Write a path: names joined by dots, and as a quoted string in brackets each that could be misread."""
    return "".join(f".{step}" if _is_plain(step) else f"[{json.dumps(step)}]" for step in steps).removeprefix(".")


def _support(
    key: str, steps: Sequence[str], proposals: Sequence[tuple[str, Mapping[str, Any] | None]]
) -> FieldAgreement:
    found = [(slot, held) for slot, value in proposals if (held := _at(value, steps)) is not _ABSENT]
    keys = [(slot, comparable(held)) for slot, held in found]
    supporters = [slot for slot, held in keys if held == key]
    return FieldAgreement(
        agreement=len(supporters) / len(proposals),
        supporters=supporters,
        values=len({held for _, held in keys}),
    )


def _leaves(value: Any, steps: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401
    if isinstance(value, Mapping) and (value or not steps):
        for name, held in value.items():
            yield from _leaves(held, (*steps, name))
    else:
        yield steps, value


def _at(value: Any, steps: Sequence[str]) -> Any:  # noqa: ANN401 - plain data
    for step in steps:
        value = value.get(step, _ABSENT) if isinstance(value, Mapping) else _ABSENT
    return value


def _most_common(values: Sequence[Any]) -> Any:  # noqa: ANN401 - one of them
    """Return the value that most have; all objects count as one value, whose fields are then decided."""
    keys = ["object" if isinstance(value, Mapping) else comparable(value) for value in values]
    [(chosen, _)] = Counter(keys).most_common(1)
    having = [value for value, key in zip(values, keys, strict=True) if key == chosen]
    return plurality(having) if chosen == "object" else having[0]


def comparable(value: Any) -> str:  # noqa: ANN401 - plain data
    """Return what is equal for values that agree, and different for all others."""
    if value is _ABSENT:
        return "absent"
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True)


def _plain(value: Any) -> Any:  # noqa: ANN401 - plain data
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _plain(held) for name, held in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _is_plain(step: str) -> bool:
    return bool(step) and all(sign.isalnum() or sign in _PLAIN_SIGNS for sign in step)
