"""Names for the places of a layer: readable, distinct, and fit to be part of a graph node's name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from langgraph_moa.errors import ConfigurationError

_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_RESERVED = ("join", "aggregator")
_LONGEST = 80


class Occupant(NamedTuple):
    """What a place is named after."""

    name: str | None
    """The name that the user gave."""
    label: str
    """Name of its model, for a place without a name."""
    samples: int
    """Draws of the model: each is a place of its own."""


def check_name(what: str, name: str) -> None:
    """Refuse a name that cannot be part of a node's name."""
    if not isinstance(name, str) or not _ALLOWED.match(name) or name in _RESERVED or len(name) > _LONGEST:
        msg = (
            f"{what} must be 1 to {_LONGEST} letters, digits, '.', '_' or '-', not 'join' or 'aggregator'; got {name!r}"
        )
        raise ConfigurationError(msg)


def slot_names(occupants: Sequence[Occupant]) -> tuple[str, ...]:
    """Name every place of a layer, in order; a model drawn n times takes n places.

    Raises:
        ConfigurationError: Two occupants were given the same name.
    """
    given = Counter(occupant.name for occupant in occupants if occupant.name is not None)
    for name, times in given.items():
        if times > 1:
            msg = f"the name {name!r} is used for {times} slots of one layer. Give each its own name, or none"
            raise ConfigurationError(msg)
    stems = [occupant.name or _readable(occupant.label) for occupant in occupants]
    places = Counter[str]()
    for stem, occupant in zip(stems, occupants, strict=True):
        places[stem] += occupant.samples
    taken = {occupant.name for occupant in occupants if occupant.name is not None and occupant.samples == 1}
    names: list[str] = []
    for stem, occupant in zip(stems, occupants, strict=True):
        for _ in range(occupant.samples):
            is_given = occupant.name is not None and occupant.samples == 1
            name = stem if is_given or (places[stem] == 1 and stem not in taken) else _numbered(stem, taken)
            taken.add(name)
            names.append(name)
    return tuple(names)


def _numbered(stem: str, taken: set[str]) -> str:
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def _readable(label: str) -> str:
    """Shorten `together:Qwen/Qwen1.5-72B-Chat` to `qwen1.5-72b-chat`."""
    last = label.partition(":")[2] or label
    last = last.rstrip("/").rpartition("/")[2] or last
    cleaned = re.sub(r"[^a-z0-9._-]+", "-", last.lower()).strip("-._")[:60]
    return cleaned if cleaned and cleaned not in _RESERVED else "model"
