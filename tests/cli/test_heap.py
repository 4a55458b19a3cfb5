"""Claims about the garbage collector of the command line."""

from __future__ import annotations

import gc

import pytest

from langgraph_moa.cli.heap import collect_rarely


@pytest.mark.parametrize(("before", "after"), [((700, 10, 10), (10_000, 10, 10)), ((50_000, 5, 5), (50_000, 5, 5))])
def test_collections_are_rarer_never_more_frequent(before: tuple[int, int, int], after: tuple[int, int, int]) -> None:
    """Rounds come after 10,000 allocations or what somebody has set beyond that, and the older objects' as before."""
    own = gc.get_threshold()
    gc.set_threshold(*before)
    try:
        collect_rarely()
        assert gc.get_threshold() == after
    finally:
        gc.set_threshold(*own)
