"""Claims about going back to the last join, and about stopping before the aggregator."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, MessagesState, StateGraph

from langgraph_moa import Mixture, Proposer, create_moa
from langgraph_moa.testing import ScriptedChatModel
from tests.resume.databases import Database, Saver

QUESTION = {"messages": [HumanMessage("q")]}
CONFIG: RunnableConfig = {"configurable": {"thread_id": "1"}}
CALLS = 6
"""Of the proposers in a run."""
BEFORE_AGGREGATOR = ("aggregator",)


@pytest.fixture
def proposer() -> ScriptedChatModel:
    """Return the model in every slot of both layers."""
    return ScriptedChatModel(replies=lambda request: f"seen {len(request[-1].text)}")


@pytest.fixture
def aggregator() -> ScriptedChatModel:
    """Return a model that answers differently each time."""
    return ScriptedChatModel(replies=["first", "second"])


def compiled(proposer: ScriptedChatModel, aggregator: ScriptedChatModel, saver: Saver | None, **options: Any) -> Any:
    """Compile a mixture of two layers of three."""
    return create_moa(Mixture.of([Proposer(proposer, samples=3)], aggregator, depth=3), checkpointer=saver, **options)


def within(moa: Any, saver: Saver) -> Any:
    """Compile a parent whose only node is a mixture."""
    builder = StateGraph(MessagesState)
    builder.add_node("moa", moa)
    builder.add_edge(START, "moa")
    builder.add_edge("moa", END)
    return builder.compile(checkpointer=saver)


def test_the_last_join_is_aggregated_again(
    database: Database, proposer: ScriptedChatModel, aggregator: ScriptedChatModel
) -> None:
    """From the checkpoint behind the last join, a run asks the aggregator once more and no proposer."""
    with database.saver() as saver:
        graph = compiled(proposer, aggregator, saver)
        assert graph.invoke(QUESTION, CONFIG)["messages"][-1].content == "first"
        past = next(state for state in graph.get_state_history(CONFIG) if state.next == BEFORE_AGGREGATOR)
        out = graph.invoke(None, past.config)
    assert [message.content for message in out["messages"]] == ["q", "second"]
    assert len(out["proposals"]) == CALLS
    assert aggregator.requests[0] == aggregator.requests[1]
    assert (len(proposer.requests), len(aggregator.requests)) == (CALLS, 2)


async def test_the_last_join_is_aggregated_again_asynchronously(
    database: Database, proposer: ScriptedChatModel, aggregator: ScriptedChatModel
) -> None:
    """From the checkpoint behind the last join, `ainvoke` asks the aggregator once more and no proposer."""
    async with database.async_saver() as saver:
        graph = compiled(proposer, aggregator, saver)
        await graph.ainvoke(QUESTION, CONFIG)
        history = [state async for state in graph.aget_state_history(CONFIG)]
        past = next(state for state in history if state.next == BEFORE_AGGREGATOR)
        out = await graph.ainvoke(None, past.config)
    assert out["messages"][-1].content == "second"
    assert (len(proposer.requests), len(aggregator.requests)) == (CALLS, 2)


def test_another_aggregator_takes_the_same_proposals(
    database: Database, proposer: ScriptedChatModel, aggregator: ScriptedChatModel
) -> None:
    """A mixture with another aggregator goes on from the last join of a run of the first, and asks no proposer."""
    other = ScriptedChatModel(replies="other")
    with database.saver() as saver:
        graph = compiled(proposer, aggregator, saver)
        graph.invoke(QUESTION, CONFIG)
        past = next(state for state in graph.get_state_history(CONFIG) if state.next == BEFORE_AGGREGATOR)
        out = compiled(proposer, other, saver).invoke(None, past.config)
    assert [message.content for message in out["messages"]] == ["q", "other"]
    assert other.requests == aggregator.requests
    assert len(proposer.requests) == CALLS


def test_a_run_that_stops_before_the_aggregator_goes_on_there(
    database: Database, proposer: ScriptedChatModel, aggregator: ScriptedChatModel
) -> None:
    """With `interrupt_before`, the proposals can be read, and the resumed run asks no proposer."""
    with database.saver() as saver:
        graph = compiled(proposer, aggregator, saver, interrupt_before=["aggregator"])
        graph.invoke(QUESTION, CONFIG)
        stopped = graph.get_state(CONFIG)
        assert stopped.next == BEFORE_AGGREGATOR
        assert [len(record["proposals"]) for record in stopped.values["layers"].values()] == [3, 3]
        assert not aggregator.requests
        assert graph.invoke(None, CONFIG)["messages"][-1].content == "first"
    assert (len(proposer.requests), len(aggregator.requests)) == (CALLS, 1)


async def test_a_nested_run_that_stops_before_the_aggregator_goes_on_there(
    database: Database, proposer: ScriptedChatModel, aggregator: ScriptedChatModel
) -> None:
    """A mixture within a parent stops the parent, shows its layers, and goes on without a proposer."""
    async with database.async_saver() as saver:
        graph = within(compiled(proposer, aggregator, None, interrupt_before=["aggregator"]), saver)
        await graph.ainvoke(QUESTION, CONFIG)
        inner = (await graph.aget_state(CONFIG, subgraphs=True)).tasks[0].state
        assert inner.next == BEFORE_AGGREGATOR
        assert sorted(inner.values["layers"]) == ["1", "2"]
        out = await graph.ainvoke(None, CONFIG)
    assert [message.content for message in out["messages"]] == ["q", "first"]
    assert (len(proposer.requests), len(aggregator.requests)) == (CALLS, 1)


def test_the_proposals_of_a_nested_mixture_are_aggregated_again_on_a_thread_of_their_own(
    database: Database, proposer: ScriptedChatModel, aggregator: ScriptedChatModel
) -> None:
    """What a mixture within a parent has left behind its last join can be given to a mixture that runs on its own."""
    other = ScriptedChatModel(replies="other")
    again: RunnableConfig = {"configurable": {"thread_id": "again"}}
    with database.saver() as saver:
        graph = within(compiled(proposer, aggregator, None), saver)
        graph.invoke(QUESTION, CONFIG)
        past = next(state for state in graph.get_state_history(CONFIG) if state.next == ("moa",))
        layers = graph.get_state(past.config, subgraphs=True).tasks[0].state.values["layers"]
        alone = compiled(proposer, other, saver)
        alone.update_state(again, {"messages": past.values["messages"], "layers": layers}, as_node="layer_2_join")
        out = alone.invoke(None, again)
    assert [message.content for message in out["messages"]] == ["q", "other"]
    assert other.requests == aggregator.requests
    assert len(proposer.requests) == CALLS


@pytest.mark.xfail(strict=True, reason="LangGraph runs a subgraph from its start then: langchain-ai/langgraph#8458")
def test_the_last_join_of_a_nested_mixture_is_aggregated_again(
    database: Database, proposer: ScriptedChatModel, aggregator: ScriptedChatModel
) -> None:
    """From the checkpoint behind the last join of a mixture within a parent, the parent asks no proposer."""
    with database.saver() as saver:
        graph = within(compiled(proposer, aggregator, None), saver)
        graph.invoke(QUESTION, CONFIG)
        parent = next(state for state in graph.get_state_history(CONFIG) if state.next == ("moa",)).config
        inner = graph.get_state(parent, subgraphs=True).tasks[0].state.config["configurable"]
        where: RunnableConfig = {"configurable": {"thread_id": "1", "checkpoint_ns": inner["checkpoint_ns"]}}
        past = next(state for state in graph.get_state_history(where) if state.next == BEFORE_AGGREGATOR)
        graph.invoke(None, past.config)
    assert (len(proposer.requests), len(aggregator.requests)) == (CALLS, 2)


def test_a_second_turn_asks_every_proposer_again(
    database: Database, proposer: ScriptedChatModel, aggregator: ScriptedChatModel
) -> None:
    """A further question on the same thread is a run of its own: nothing of the first one's proposals is taken over."""
    with database.saver() as saver:
        graph = compiled(proposer, aggregator, saver)
        graph.invoke(QUESTION, CONFIG)
        out = graph.invoke({"messages": [HumanMessage("again")]}, CONFIG)
    assert [message.content for message in out["messages"]] == ["q", "first", "again", "second"]
    assert len(proposer.requests) == 2 * CALLS
    assert len(out["proposals"]) == CALLS
