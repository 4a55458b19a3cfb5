"""Claims about the soak's report: whatever was lost or leaked fails it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.soak.report import SoakReport


def report(**changes: Any) -> SoakReport:
    """Return the report of a soak in which nothing went wrong, but for these fields."""
    good: dict[str, Any] = {"ended": Counter({"full answer": 4}), "resident": [100] * 8}
    return SoakReport(4, 2, **{**good, **changes})


def test_a_good_soak_passes() -> None:
    """Memory that grows while a soak warms up, or that cannot be read, is no failure."""
    assert report().failures == []
    assert report(resident=[50, 60, 70, 80, 100, 100, 104, 104]).failures == []
    assert report(resident=[]).failures == []


@pytest.mark.parametrize(
    "changes",
    [
        {"ended": Counter({"full answer": 3})},
        {"ended": Counter({"full answer": 5})},
        {"wrong": ["question-1: mixed up"]},
        {"resident": [100, 100, 100, 100, 100, 100, 106, 106]},
        {"leaked_tasks": 1},
        {"leaked_threads": ["langgraph-moa-call"]},
        {"leaked_sockets": 1},
        {"open_requests": 1},
    ],
    ids=str,
)
def test_a_loss_or_a_leak_fails(changes: dict[str, Any]) -> None:
    """Each of them alone is told, once."""
    assert len(report(**changes).failures) == 1
