"""Runs with a tape, and all that they gave, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages.ai import UsageMetadata

from langgraph_moa import (
    Aggregator,
    Layer,
    Mixture,
    Proposer,
    create_moa,
)
from langgraph_moa.recording import Mode, Tape, taping
from tests.ways import ask

Output = dict[str, Any]
CANARY = "sk-canary-5f1e0c77d9"
USAGE = UsageMetadata(input_tokens=7, output_tokens=3, total_tokens=10)
both_kinds = pytest.mark.parametrize("path", ["sqlite", "jsonl"], indirect=True)


def run(path: Path, mode: Mode, mixture: Mixture, question: str = "Why?") -> Output:
    """Run a mixture once, with a tape."""
    with taping(Tape.open(path, mode=mode)):
        return create_moa(mixture).invoke(ask(question))


def written(output: Output) -> str:
    """Return all that a run gave, byte for byte."""
    answer = output["messages"][-1]
    return json.dumps([output["proposals"], answer.model_dump()])


def unmarked(output: Output) -> str:
    """Return all that a run gave, without the marks that say which requests a tape has answered."""
    proposals = [
        {**proposal, "calls": [{k: v for k, v in call.items() if k != "recorded"} for call in proposal["calls"]]}
        for proposal in output["proposals"]
    ]
    return written({**output, "proposals": proposals})


def panel() -> Mixture:
    """Return a mixture with everything that asks: two layers, draws, an aggregator of a layer, a nested mixture."""
    inner = Mixture.of(["openai:red", "openai:green"], "openai:inner", name="inner")
    first = Layer(["openai:red", Proposer("openai:blue", samples=2), inner], aggregator=Aggregator("openai:join"))
    return Mixture([first, Layer(["openai:red", "openai:green"])], Aggregator("openai:final"))
