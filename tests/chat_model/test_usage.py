"""Tokens of a mixture as a chat model: those of its calls, each counted once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from langgraph_moa import Aggregator, Layer, Mixture, Proposer
from langgraph_moa.chat_model import ChatMoA
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from tests.chat_model.calling import Way, every_way, every_way_here, scripted, tokens
from tests.ways import use_simulator


def first() -> ScriptedChatModel:
    """Return a proposer of 12 tokens."""
    return scripted("first", usage=tokens(10, 2))


def second() -> ScriptedChatModel:
    """Return a proposer of 103 tokens, some of them cached, some hidden."""
    details: Any = {"input_token_details": {"cache_read": 40}, "output_token_details": {"reasoning": 2}}
    return scripted("second", usage={**tokens(100, 3), **details})


def last() -> ScriptedChatModel:
    """Return an aggregator of 1004 tokens."""
    return scripted("last", "the answer in some tokens", usage=tokens(1000, 4))


def plain() -> ChatMoA:
    """Return two proposers and an aggregator."""
    return ChatMoA(proposers=[first(), second()], aggregator=last())


def two_layers() -> ChatMoA:
    """Return a mixture that asks its proposers twice, and merges in between."""
    layer = Layer([first(), second()], aggregator=Aggregator(scripted("between", usage=tokens(5, 5))))
    return ChatMoA(mixture=Mixture([layer, layer], last()))


def failing_proposer() -> ChatMoA:
    """Return a mixture of which one proposer is down."""
    return ChatMoA(proposers=[first(), scripted("down", ValueError("down"))], aggregator=last())


def fallback() -> ChatMoA:
    """Return a mixture of which one proposer says nothing, and its fallback is asked."""
    return ChatMoA(
        proposers=[Proposer(scripted("empty", "", usage=tokens(7, 1)), fallbacks=[second()])], aggregator=last()
    )


@tool
def look() -> str:
    """Look."""
    return "seen"


def agent() -> ChatMoA:
    """Return a mixture with an agent of two turns."""
    called = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "1"}])
    model: Any = create_agent(scripted("agent", [called, "seen"], usage=tokens(20, 6)), [look])
    return ChatMoA(proposers=[Proposer(model, name="agent"), first()], aggregator=last())


def unknown() -> ChatMoA:
    """Return a mixture of which one proposer's provider reports nothing."""
    return ChatMoA(proposers=[first(), scripted("silent")], aggregator=last())


def nested_proposer() -> ChatMoA:
    """Return a mixture that another one proposes in."""
    return ChatMoA(proposers=[plain(), first()], aggregator=last())


def nested_aggregator() -> ChatMoA:
    """Return a mixture that another one aggregates."""
    return ChatMoA(proposers=[first()], aggregator=plain())


MIXTURES: dict[Callable[[], ChatMoA], int] = {
    plain: 12 + 103 + 1004,
    two_layers: 2 * (12 + 103 + 10) + 1004,
    failing_proposer: 12 + 1004,
    fallback: 8 + 103 + 1004,
    agent: 2 * 26 + 12 + 1004,
    unknown: 12 + 1004,
    nested_proposer: 12 + 103 + 1004 + 12 + 1004,
    nested_aggregator: 12 + 12 + 103 + 1004,
}
"""Each with the tokens of its calls."""
every_mixture = pytest.mark.parametrize(
    ("build", "total"), MIXTURES.items(), ids=[build.__name__ for build in MIXTURES]
)


@every_way_here
@every_mixture
def test_sum(build: Callable[[], ChatMoA], total: int, way: Way) -> None:
    """The answer reports the tokens of all calls, and so does LangChain's counter of those that callbacks heard of."""
    with get_usage_metadata_callback() as counter:
        answer = way(build())
    reported = answer.usage_metadata
    assert reported is not None
    assert reported["total_tokens"] == total
    assert reported["input_tokens"] + reported["output_tokens"] == total
    assert sum(usage["total_tokens"] for usage in counter.usage_metadata.values()) == total
    assert sum(usage["input_tokens"] for usage in counter.usage_metadata.values()) == reported["input_tokens"]


@every_way_here
def test_details(way: Way) -> None:
    """Cached and hidden tokens are added up as the others are."""
    with get_usage_metadata_callback() as counter:
        answer = way(nested_proposer())
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["input_token_details"] == {"cache_read": 40}
    assert answer.usage_metadata["output_token_details"] == {"reasoning": 2}
    assert counter.usage_metadata["second"]["input_token_details"] == {"cache_read": 40}


@every_way
def test_unknown_stays_unknown(way: Way) -> None:
    """A call whose tokens nobody reported is named, and where none are known, none are reported."""
    answer = way(unknown())
    assert answer.response_metadata["moa"]["usage"]["unknown"] == ["layer_1_silent"]
    nothing = way(ChatMoA(proposers=[scripted("a")], aggregator=scripted("b")))
    assert nothing.usage_metadata is None


@pytest.mark.parametrize("schedule", [("unavailable", None), (None,)], ids=["retried", "at-once"])
@every_way_here
def test_retries(way: Way, schedule: Any, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a provider's client, tokens are those that the provider has counted, also where it failed in between."""
    use_simulator(simulator, monkeypatch)
    simulator.models["a"] = Behaviour(reply="some idea", schedule=schedule, retry_after=0.01)
    with get_usage_metadata_callback() as counter:
        answer = way(ChatMoA(proposers=["openai:a", "openai:b"], aggregator="openai:c"))
    assert answer.usage_metadata is not None
    assert len(simulator.requests) == 2 + len(schedule)
    assert set(counter.usage_metadata) == {"a", "b", "c"}
    for field in ("input_tokens", "output_tokens", "total_tokens"):
        counted = sum(usage[field] for usage in counter.usage_metadata.values())
        assert counted == answer.usage_metadata[field] > 0
