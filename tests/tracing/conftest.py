"""A receiver of traces, and a provider behind every `openai:` model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import langsmith
import pytest

from langgraph_moa.testing import Behaviour, Simulator
from tests.tracing.receiver import Receiver
from tests.tracing.trees import TracedRun
from tests.ways import use_simulator

Traces = Callable[[], list[TracedRun]]


@pytest.fixture
def provider(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Let every model of OpenAI answer with its own name."""
    use_simulator(simulator, monkeypatch)
    simulator.behaviour = Behaviour(reply=lambda body: f"this is what {body['model']} says")
    return simulator


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Start a receiver; whatever it could not read fails the test."""
    with Receiver() as running:
        yield running
    assert running.errors == []


@pytest.fixture
def traces(receiver: Receiver) -> Iterator[Traces]:
    """Switch tracing on for the whole process; the result sends what is pending and returns the roots."""
    client = langsmith.Client(api_url=receiver.url, api_key="langsmith-key")
    langsmith.configure(client=client, enabled=True)

    def flushed() -> list[TracedRun]:
        client.flush(timeout=20)
        return receiver.traces

    yield flushed
    langsmith.configure(client=None, enabled=None)
    client.close(timeout=5)
