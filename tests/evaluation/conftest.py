"""What tests of the evaluation share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

DATA_VARIABLE = "LANGGRAPH_MOA_DATA"


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], Path]:
    """Return a recorded file or folder by its path in the folder that the environment names, or skip the test."""
    folder = os.environ.get(DATA_VARIABLE)

    def path_of(name: str) -> Path:
        if not folder:
            pytest.skip(f"{DATA_VARIABLE} does not name the folder of recorded data")
        path = Path(folder, name)
        if not path.exists():
            pytest.skip(f"the folder of {DATA_VARIABLE} has no {name}")
        return path

    return path_of


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawings of figures out, which take longer than what is tested beside them."""
    monkeypatch.setattr("langgraph_moa.evaluation.figures.drawn", lambda *_, **__: "<svg></svg>")
