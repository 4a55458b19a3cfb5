"""Claims about processes whose environment alone switches tracing on: LangSmith's, OpenTelemetry's, and none at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from langgraph_moa.testing import Simulator
from tests.tracing.receiver import Receiver
from tests.tracing.trees import TracedRun

ROOT = Path(__file__).parents[2]
CALLS = ["moa.aggregator", "moa.layer_1.green", "moa.layer_1.red"]


def run(environment: Mapping[str, str], place: str = "graph", way: str = "invoke") -> None:
    """Run a child to its end, with more in its environment, warnings being errors as in every test."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.tracing.child", place, way],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "this is what final says"), done.stderr


def langsmith_at(url: str, **more: str) -> dict[str, str]:
    """Return what a user sets to send traces to LangSmith."""
    basic = {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": url, "LANGSMITH_API_KEY": "langsmith-key"}
    return {**basic, **more}


def check(roots: list[TracedRun]) -> None:
    """Check that the call of a child has given one whole tree."""
    (root,) = roots
    assert root.parent_id is None
    (mixture,) = [run for run in root.named("panel") if run.kind != "llm"]
    assert sorted(run.name for run in mixture.walk() if run.name in CALLS) == CALLS
    (red,) = mixture.named("moa.layer_1.red")
    assert red.metadata["moa_slot"] == "red"


@pytest.mark.parametrize(("place", "way"), [("graph", "invoke"), ("chat", "astream"), ("agent", "ainvoke")])
def test_langsmith(place: str, way: str, provider: Simulator, receiver: Receiver) -> None:
    """Three environment variables suffice: a process that ends on its own has sent a whole tree for each call."""
    run(langsmith_at(receiver.url), place, way)
    check(receiver.traces)


@pytest.mark.parametrize(("multipart", "zstd"), [(True, False), (False, False)], ids=["parts", "json"])
def test_forms(multipart: bool, zstd: bool, provider: Simulator) -> None:  # noqa: FBT001
    """The trees are the same in every form that LangSmith's client can send them in."""
    with Receiver(multipart=multipart, zstd=zstd) as receiver:
        run(langsmith_at(receiver.url))
    check(receiver.traces)
    assert ("/runs/multipart" in receiver.paths, "/runs/batch" in receiver.paths) == (multipart, not multipart)


@pytest.mark.parametrize(("place", "way"), [("graph", "ainvoke"), ("agent", "invoke")])
def test_opentelemetry_alone(place: str, way: str, provider: Simulator, receiver: Receiver) -> None:
    """Exported to OpenTelemetry alone, spans have the same names and parents, and LangSmith gets nothing."""
    alone = {"LANGSMITH_OTEL_ENABLED": "true", "LANGSMITH_OTEL_ONLY": "true"}
    run(langsmith_at(receiver.url, **alone, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url), place, way)
    check(receiver.span_traces)
    assert set(receiver.paths) <= {"/v1/traces", "/info"}


def test_both(provider: Simulator, receiver: Receiver) -> None:
    """With OpenTelemetry beside LangSmith, both get the same trees."""
    run(langsmith_at(receiver.url, LANGSMITH_OTEL_ENABLED="true"))
    check(receiver.traces)
    check(receiver.span_traces)
    assert "/otel/v1/traces" in receiver.paths


def test_off(provider: Simulator, receiver: Receiver) -> None:
    """Without `LANGSMITH_TRACING`, nothing is sent, though endpoint and key are there."""
    run({**langsmith_at(receiver.url), "LANGSMITH_TRACING": "false"})
    assert receiver.paths == []
