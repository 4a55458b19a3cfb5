"""A small set of instructions, and a judge that prefers whoever says GOOD."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage

from langgraph_moa.evaluation.alpaca_eval import load
from langgraph_moa.evaluation.samples import Sample


def rows(count: int = 4) -> list[dict[str, Any]]:
    """Return rows of the official format, with baselines of several lengths."""
    return [
        {"instruction": f"question {n}", "output": f"base {'x' * n}", "generator": "gpt4", "dataset": "made up"}
        for n in range(count)
    ]


def verdict(chances: dict[str, float]) -> AIMessage:
    """Return a judge's answer with these logarithms of probabilities for its first token."""
    tops = [{"token": token, "logprob": logprob} for token, logprob in chances.items()]
    return AIMessage("M", response_metadata={"logprobs": {"content": [{"top_logprobs": tops}]}})


def honest(messages: Sequence[BaseMessage]) -> AIMessage:
    """Prefer whoever says GOOD, by 3 to 1."""
    _, _, second = str(messages[-1].content).split("|")
    return verdict({"m": -1.0986, "M": 0.0} if "GOOD" in second else {"m": 0.0, "M": -1.0986})


@pytest.fixture
def write_set(tmp_path: Path) -> Callable[[object], Path]:
    """Write a data set: a list as JSON, a text as it is."""

    def write(content: object, name: str = "set.json") -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def samples(write_set: Callable[[object], Path]) -> list[Sample]:
    """Read four samples."""
    return list(load(write_set(rows())))


@pytest.fixture
def prompt_file(tmp_path: Path) -> Path:
    """Write a short prompt for the judge."""
    path = tmp_path / "prompt.txt"
    path.write_text("{instruction}|{output_1}|{output_2}", encoding="utf-8")
    return path
