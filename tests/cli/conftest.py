"""How tests run commands: in this process, where that is enough, or in one of their own."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from langgraph_moa import cli
from langgraph_moa.testing import Behaviour, Simulator

COMMAND = (sys.executable, "-m", "langgraph_moa.cli")


class Completed(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


Moa = Callable[..., Completed]


class _Piped(io.TextIOWrapper):
    """A stdin that is a pipe."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8")


@pytest.fixture
def moa(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Moa:
    """Run a command in this process, with `stdin` as what is piped in."""

    def run(*arguments: str, stdin: bytes = b"") -> Completed:
        monkeypatch.setattr(sys, "stdin", _Piped(stdin))
        code = cli.run(arguments)
        printed = capsys.readouterr()
        return Completed(code, printed.out, printed.err)

    return run


@pytest.fixture
def provider(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Make every `openai:` model the simulator's: `good` and `bad` propose, `merge` aggregates, `hang` is silent."""
    simulator.models |= {
        "good": Behaviour(reply="a proposal"),
        "bad": Behaviour(reply="no such model, key sk-abcdefghijklmnop", status=400),
        "merge": Behaviour(reply="the merged answer"),
        "hang": Behaviour(hang=True),
    }
    monkeypatch.setenv("OPENAI_BASE_URL", simulator.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-simulated-key-0000")
    return simulator


@pytest.fixture
def environment(bare_environment: None) -> dict[str, str]:
    """Return the environment of a process of its own, as the other fixtures have made it."""
    return dict(os.environ)


def models(*proposers: str, aggregator: str = "openai:merge") -> list[str]:
    """Return the options that name models."""
    return [*(part for model in proposers for part in ("--proposer", model)), "--aggregator", aggregator]
