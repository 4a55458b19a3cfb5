"""The short form of the soak."""

from __future__ import annotations

import pytest

from tests.soak.provider import TOKEN_BUCKET
from tests.soak.run import soak


@pytest.mark.parametrize("synchronous", [False, True], ids=["ainvoke", "invoke"])
def test_every_mixture_ends_in_an_answer_or_a_typed_error(
    monkeypatch: pytest.MonkeyPatch, *, synchronous: bool
) -> None:
    """With a fifth of all calls faulty, nothing is lost, mixed up or leaked."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "set by the soak")
    report = soak(48, 24, deadline=5.0, seed=7, synchronous=synchronous)
    assert report.failures == []
    assert len(report.faults) >= 10, "so few kinds of faults show nothing"
    assert report.faults[TOKEN_BUCKET], "nothing was turned away by the token bucket"
