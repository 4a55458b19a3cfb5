"""Mixtures of six that differ in what they do about failures."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_core.utils.function_calling import convert_to_openai_tool

from langgraph_moa import Aggregator, Layer, Mixture, Proposer
from tests.soak.sayings import ACTOR, PROPOSERS

ACTING = "acting"
"""Name of the recipe whose aggregator calls a tool."""
QUORUM = 3


def recipes(url: str, deadline: float) -> list[Mixture]:
    """Return all recipes.

    Args:
        url: Of the provider.
        deadline: Seconds for a layer, and for an aggregator.
    """
    reach = {"base_url": url, "api_key": "not-a-key"}
    proposers = [Proposer(f"openai:{name}", name=name, model_kwargs=reach) for name in PROPOSERS]
    layer = Layer(proposers, quorum=QUORUM, grace=1.0, deadline=deadline)
    strict = Aggregator("openai:merger", fallbacks=["openai:backup"], timeout=deadline, model_kwargs=reach)
    lenient = Aggregator("openai:merger", timeout=deadline, model_kwargs=reach, on_failure="best_proposal")
    tools = {"model_kwargs": {"tools": [convert_to_openai_tool(note)]}}
    acting = Aggregator(f"openai:{ACTOR}", timeout=deadline, model_kwargs={**reach, **tools})
    planned: Mapping[str, tuple[int, Aggregator]] = {
        "strict": (1, strict),
        "lenient": (1, lenient),
        "deep": (2, strict),
        ACTING: (1, acting),
    }
    return [
        Mixture([layer] * layers, aggregator, name=name, limits={url: 200}, on_partial="allow")
        for name, (layers, aggregator) in planned.items()
    ]


def note(text: str, times: list[int]) -> str:
    """Keep a note."""
    return f"{text} {times}"
