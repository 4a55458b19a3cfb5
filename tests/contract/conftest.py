"""Servers that this project did not write, each started once for all tests that ask for it."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from openai import DefaultAsyncHttpxClient, DefaultHttpxClient

from tests.contract import aimock as foreign
from tests.contract.aimock import Aimock
from tests.contract.child_server import ChildServer

REQUIRED = "LANGGRAPH_MOA_REQUIRE_AIMOCK"
"""Environment variable: where it is set, tests without aimock fail rather than skip."""


@pytest.fixture(scope="session")
def aimock_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run aimock."""
    reason = foreign.missing()
    if reason is not None and os.environ.get(REQUIRED):
        pytest.fail(reason)
    if reason is not None:
        pytest.skip(reason)
    with foreign.server(tmp_path_factory.mktemp("fixtures")) as server:
        yield server.url


@pytest.fixture
def aimock(aimock_url: str, monkeypatch: pytest.MonkeyPatch) -> Aimock:
    """Return aimock with nothing in its memory, as the provider of `openai:` and `together:` strings."""
    running = Aimock(aimock_url)
    running.reset()
    for variable in ("OPENAI_BASE_URL", "TOGETHER_API_BASE"):
        monkeypatch.setenv(variable, running.base_url)
    for variable in ("OPENAI_API_KEY", "TOGETHER_API_KEY"):
        monkeypatch.setenv(variable, "any")
    return running


@pytest.fixture
async def http_clients() -> AsyncIterator[dict[str, Any]]:
    """Return arguments of a chat model's constructor: HTTP clients that are closed when the test ends.

    They trust no certificate and so load none, which takes longer than a test; loopback needs none.
    """
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with DefaultHttpxClient(verify=trust) as client:
        async with DefaultAsyncHttpxClient(verify=trust) as async_client:
            yield {"http_client": client, "http_async_client": async_client}


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run llama.cpp with random weights; the URL ends in `/v1`."""
    missing = [package for package in ("xllamacpp", "gguf") if find_spec(package) is None]
    if missing:
        pytest.skip(f"not installed, or without a wheel for this machine: {', '.join(missing)}")
    from tests.contract.noise_model import CONTEXT, write_noise_model

    model = tmp_path_factory.mktemp("model") / "noise.gguf"
    write_noise_model(model, seed=7)
    script = Path(__file__).with_name("llama_server.py")
    command = [sys.executable, str(script), str(model), str(CONTEXT)]
    with ChildServer(command, environment={"PATH": os.environ["PATH"]}) as server:
        yield f"{server.url}/v1"
