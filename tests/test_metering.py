"""Claims about tokens counted below a request."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.outputs import Generation, LLMResult
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

from langgraph_moa import Mixture, PriceTable, Proposer, create_moa
from langgraph_moa.metering import UsageMeter
from langgraph_moa.proposal import CallRecord, Usage
from langgraph_moa.testing import ScriptedChatModel
from langgraph_moa.usage import Price
from tests.ways import FIRST, Way, sync_and_async

USAGE = UsageMetadata(input_tokens=3, output_tokens=1, total_tokens=4)
COUNTED = Usage(input_tokens=3, output_tokens=1, total_tokens=4, cached_tokens=None, reasoning_tokens=None)
CALL = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "1"}])


@tool
def look() -> str:
    """Look."""
    return "seen"


def settled(meter: UsageMeter) -> CallRecord:
    """Return a record in which a meter has noted what it knows."""
    record = CallRecord(model="a:b", fallback=0, usage=None, nested=None, error=None)
    meter.settle(record)
    return record


def test_unknown_stays_unknown() -> None:
    """Calls that report nothing, and completions that are no messages, count as unknown."""
    meter = UsageMeter()
    ScriptedChatModel().invoke("q", {"callbacks": [meter]})
    for result in (LLMResult(generations=[[Generation(text="t")]]), LLMResult(generations=[])):
        run_id = uuid4()
        meter.on_llm_start({}, ["q"], run_id=run_id)
        meter.on_llm_end(result, run_id=run_id)
    record = settled(meter)
    assert (record["usage"], record["unreported"]) == (None, 3)
    assert "cached" not in record


def test_a_call_that_is_still_open_is_unreported() -> None:
    """Of calls that have begun, those that have told nothing yet are counted, and those that have are not."""
    meter = UsageMeter()
    ScriptedChatModel(usage=USAGE).invoke("q", {"callbacks": [meter]})
    meter.on_chat_model_start({}, [], run_id=uuid4())
    record = settled(meter)
    assert (record["usage"], record["unreported"]) == (COUNTED, 1)


@pytest.fixture
def cache() -> Iterator[None]:
    """Have LangChain cache what models answer."""
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(None)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("usage", [None, USAGE], ids=["uncounted", "counted"])
def test_an_answer_from_the_cache_is_billed_by_nobody(usage: Any) -> None:
    """A call that the cache answers counts with the tokens that it repeats, of which none is billed."""
    model = ScriptedChatModel(usage=usage)
    model.invoke("q")
    meter = UsageMeter()
    model.invoke("q", {"callbacks": [meter]})
    record = settled(meter)
    assert (record["cached"], record["billed"], record["unreported"]) == (True, None, 0)
    assert record["usage"] == (COUNTED if usage else None)
    model.invoke("another", {"callbacks": [meter]})
    record = settled(meter)
    assert (record["cached"], record["billed"]) == (False, COUNTED if usage else None)


@pytest.mark.usefixtures("cache")
@sync_and_async
def test_a_run_from_the_cache_costs_nothing(way: Way) -> None:
    """A run that the cache answers costs 0, and tells the tokens that callbacks are told."""
    names = "abc"
    models = [ScriptedChatModel(model_name=name, replies=name, usage=USAGE) for name in names]
    prices = PriceTable(
        prices={f"scriptedchatmodel:{name}": Price(1e6, 1e6) for name in names}, date="2026-01-31", source="by hand"
    )
    graph = create_moa(Mixture.of(models[:2], models[2], depth=3, prices=prices))
    first = way(graph)[FIRST]["messages"][-1]
    assert first.response_metadata["moa"]["cost"]["total"] == 5 * 4
    with get_usage_metadata_callback() as counter:
        again = way(graph)[FIRST]["messages"][-1]
    told = again.response_metadata["moa"]
    assert [len(model.requests) for model in models] == [2, 2, 1]
    assert (told["cost"]["total"], told["cost"]["unpriced"], told["usage"]["unknown"]) == (0, [], [])
    assert again.usage_metadata == first.usage_metadata
    counted = functools.reduce(add_usage, counter.usage_metadata.values())
    assert again.usage_metadata == {name: counted[name] for name in USAGE}  # type: ignore[literal-required]


def test_what_an_agent_took_before_it_failed_is_counted() -> None:
    """An agent that dies in its second step has used the tokens of its first, and the summary says so."""
    model = ScriptedChatModel(replies=[CALL, ValueError("down")], usage=USAGE)
    agent = create_agent(model, tools=[look])
    other = ScriptedChatModel(replies="ok")
    mixture = Mixture.of([Proposer(agent, name="agent"), Proposer(other, name="other")], other)
    out = create_moa(mixture).invoke({"messages": [HumanMessage("q")]})
    first = out["proposals"][0]
    assert (first["status"], first["usage"]["total_tokens"]) == ("error", 4)
    told = out["messages"][-1].response_metadata["moa"]["usage"]
    assert told["total"]["total_tokens"] == 4
    assert told["unknown"] == ["layer_1_agent", "layer_1_other", "aggregator"]


@sync_and_async
def test_a_turn_that_told_nothing_is_unknown(way: Way) -> None:
    """An agent, and a nested mixture, one call of which reported no tokens are named; the sum is of what is known."""
    agent = create_agent(
        ScriptedChatModel(replies=[CALL.model_copy(update={"usage_metadata": USAGE}), "end"]), tools=[look]
    )
    told, silent = ScriptedChatModel(usage=USAGE), ScriptedChatModel(model_name="silent")
    inner = Mixture.of([told, silent], told, name="inner")
    mixture = Mixture.of([Proposer(agent, name="agent"), Proposer(inner, name="inner"), told], told)
    out = way(create_moa(mixture))[FIRST]
    usage = out["messages"][-1].response_metadata["moa"]["usage"]
    assert usage["unknown"] == ["layer_1_agent", "layer_1_inner"]
    assert usage["total"]["total_tokens"] == (1 + 2 + 1 + 1) * 4
    assert out["proposals"][1]["nested"]["unknown"] == ["layer_1_silent"]


@sync_and_async
def test_a_turn_that_told_nothing_elsewhere_is_unknown(way: Way) -> None:
    """So is an agent whose calls nobody here can hear, where one of the answers in its state reports no tokens."""
    state = {"messages": [AIMessage("look", usage_metadata=USAGE), AIMessage("end")]}
    told = ScriptedChatModel(usage=USAGE)
    agent: Any = RunnableLambda(lambda _: state)
    out = way(create_moa(Mixture.of([Proposer(agent, name="agent"), told], told)))[FIRST]
    usage = out["messages"][-1].response_metadata["moa"]["usage"]
    assert (usage["unknown"], usage["total"]["total_tokens"]) == (["layer_1_agent"], 3 * 4)
