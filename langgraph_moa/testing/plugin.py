"""Fixtures for pytest, there as soon as langgraph-moa is installed. Loads no framework before a test asks for one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from langgraph_moa.testing import ScriptedChatModel, Simulator

_ENDPOINTS = (("OPENAI_API_KEY", "OPENAI_BASE_URL"), ("TOGETHER_API_KEY", "TOGETHER_API_BASE"))
_ELSEWHERE = (
    "LANGSMITH_GATEWAY",
    "LANGSMITH_GATEWAY_API_KEY",
    "OPENAI_ADMIN_KEY",
    "OPENAI_API_BASE",
    "OPENAI_CUSTOM_HEADERS",
    "OPENAI_ORGANIZATION",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
    "OPENAI_PROXY",
    "TOGETHER_BASE_URL",
)
"""What would lead the providers' clients to another address, or add an account of the user's to their requests."""
_LOOPBACK = "127.0.0.1,localhost,::1"


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
    """Makes every `openai:` and `together:` model the simulator's, by endpoints and keys in the environment.

    Other endpoints, accounts and proxies are removed from it until the test ends.
    """
    for name in list(os.environ):
        if name in _ELSEWHERE or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for key, endpoint in _ENDPOINTS:
        monkeypatch.setenv(key, "simulated")
        monkeypatch.setenv(endpoint, moa_simulator.url)
    monkeypatch.setenv("NO_PROXY", _LOOPBACK)
    return moa_simulator
