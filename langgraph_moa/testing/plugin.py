"""Fixtures for pytest, there as soon as langgraph-moa is installed. Loads no framework before a test asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from langgraph_moa.testing import ScriptedChatModel, Simulator

_ENDPOINTS = (("OPENAI_API_KEY", "OPENAI_BASE_URL"), ("TOGETHER_API_KEY", "TOGETHER_API_BASE"))


class ScriptedModels:
    """Makes scripted chat models, and keeps them in `made`."""

    def __init__(self) -> None:
        self.made: list[ScriptedChatModel] = []

    def __call__(self, replies: Any = "ok", **fields: Any) -> ScriptedChatModel:  # noqa: ANN401 - as the model says
        """Return a model that gives these replies, with the other fields of `ScriptedChatModel`."""
        from langgraph_moa.testing import ScriptedChatModel

        model = ScriptedChatModel(replies=replies, **fields)
        self.made.append(model)
        return model


@pytest.fixture
def moa_simulator() -> Iterator[Simulator]:
    """A provider on 127.0.0.1 that says "ok"; set its `behaviour` or `models`, read its `requests`."""
    from langgraph_moa.testing import Simulator

    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def moa_scripted_model() -> ScriptedModels:
    """Makes scripted chat models: `moa_scripted_model("Paris")` or `moa_scripted_model(["a", ValueError("b")])`."""
    return ScriptedModels()


@pytest.fixture
def moa_openai_environment(moa_simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Makes every `openai:` and `together:` model the simulator's, by endpoints and keys in the environment."""
    for key, endpoint in _ENDPOINTS:
        monkeypatch.setenv(key, "simulated")
        monkeypatch.setenv(endpoint, moa_simulator.url)
    return moa_simulator
