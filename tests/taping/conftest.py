"""A place for a tape, and a provider that can be taken away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from langgraph_moa.testing import Behaviour, Simulator
from tests.ways import use_simulator


@pytest.fixture
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return where a tape may be; it is a database unless a test says otherwise."""
    return tmp_path / f"run.{getattr(request, 'param', 'sqlite')}"


@pytest.fixture
def provider(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Let every model of OpenAI give an answer that it gives once."""
    use_simulator(simulator, monkeypatch)
    numbers = iter(range(10_000))
    simulator.behaviour = Behaviour(reply=lambda body: f"{body['model']} says number {next(numbers)}")
    return simulator


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what takes key and address away."""

    def leave() -> None:
        monkeypatch.delenv("OPENAI_API_KEY")
        monkeypatch.delenv("OPENAI_BASE_URL")

    return leave
