"""Simulated models that are right as often as a test wants, so that a comparison has a known truth."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from langgraph_moa import Aggregator, Layer, Mixture, Proposer
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.testing import Behaviour, Simulator

PRICES: Any = {
    "date": "2026-01-01",
    "source": "a test",
    "models": {f"openai:{name}": {"input": 0.0, "output": 1.0} for name in ("alpha", "beta", "gamma", "judge")},
}
_NUMBER = re.compile(r"question (\d+)")


def samples(count: int) -> list[Sample]:
    """Return questions whose answers are 1000, 1001 and so on."""
    return [
        Sample(f"q{n:02}", (f"This is question {n}. What is its number plus 1000?",), target=str(1000 + n))
        for n in range(count)
    ]


def answering(is_right: Callable[[int, int], bool]) -> Behaviour:
    """Return a model that answers rightly where a function of the question's number and of the draw says so.

    The draw is told by how often the same request has come.
    """
    seen: dict[str, int] = {}

    def reply(body: dict[str, Any]) -> str:
        text = str(body["messages"])
        number = int(_NUMBER.findall(text)[0])
        draw = seen[text] = seen.get(text, -1) + 1
        return f"The answer is {1000 + number if is_right(number, draw) else draw}."

    return Behaviour(reply=reply)


def often(share: float, name: str) -> Callable[[int, int], bool]:
    """Return who is right in a share of the questions, drawn for each name and draw apart."""
    return lambda number, draw: _lot(f"{name} {number} {draw}") < share


def picking() -> Behaviour:
    """Return an aggregator that finds the right answer among its references, and else repeats the first it sees."""

    def reply(body: dict[str, Any]) -> str:
        text = str(body["messages"])
        right = str(1000 + int(_NUMBER.findall(text)[0]))
        said = re.findall(r"The answer is (\d+)", text)
        return f"The answer is {right if right in said else [*said, '0'][0]}."

    return Behaviour(reply=reply)


def seat(simulator: Simulator, name: str, **fields: Any) -> Proposer:
    """Return a proposer that the simulator serves."""
    return Proposer(f"openai:{name}", model_kwargs=access(simulator), **fields)


def access(simulator: Simulator) -> dict[str, Any]:
    """Return what leads a model to the simulator."""
    return {"base_url": simulator.url, "api_key": "any"}


def mixture(simulator: Simulator, *names: str, aggregator: str = "gamma", **fields: Any) -> Mixture:
    """Return a mixture of simulated models with prices."""
    layer = Layer([seat(simulator, name) for name in names])
    return Mixture(
        [layer],
        Aggregator(f"openai:{aggregator}", model_kwargs=access(simulator)),
        prices=PRICES,
        name="trio",
        **fields,
    )


def _lot(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32
