"""Claims about tables that nobody can change."""

from __future__ import annotations

import copy
import pickle

from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.testing.frozen import FrozenTable

TABLES = st.dictionaries(st.text(), st.lists(st.integers(), max_size=2), max_size=3)


@given(TABLES)
def test_it_is_the_table_that_it_was_made_of(table: dict[str, list[int]]) -> None:
    """It equals its table, copies and pickles, and later changes of the table do not reach it."""
    before, frozen = copy.deepcopy(table), FrozenTable(table)
    assert frozen == table
    table.setdefault("more", []).append(1)
    assert (dict(frozen), len(frozen), repr(frozen)) == (before, len(before), repr(before))
    for same in (copy.deepcopy(frozen), pickle.loads(pickle.dumps(frozen))):  # noqa: S301
        assert (same, hash(same)) == (frozen, hash(frozen))


def test_it_offers_no_change() -> None:
    """It has no method that changes it."""
    assert not hasattr(FrozenTable({}), "update")
    assert not hasattr(FrozenTable({}), "__setitem__")
