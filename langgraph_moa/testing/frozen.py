"""A table that nobody can change, so that what holds it can be hashed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, TypeVar

Value = TypeVar("Value")


class FrozenTable(Mapping[str, Value]):
    """A deep copy of a table. Equal to every table with the same items.

    Args:
        table: With text as keys.
    """

    __slots__ = ("_items",)

    def __init__(self, table: Mapping[str, Value]) -> None:
        self._items = deepcopy(dict(table))

    def __getitem__(self, key: str) -> Value:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items))

    def __repr__(self) -> str:
        return repr(self._items)

    def __reduce__(self) -> tuple[type[FrozenTable[Value]], tuple[dict[str, Any]]]:
        return type(self), (self._items,)
