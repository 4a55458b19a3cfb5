"""Claims about what a checkpointer keeps."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from langgraph_moa import AggregatorError, Layer, Mixture, Proposer, create_moa
from langgraph_moa.testing import ScriptedChatModel


def test_state_is_plain_data() -> None:
    """Proposals and layers come back from a strict checkpointer as they went in, with no warning."""
    mixture = Mixture(
        [Layer([Proposer(ScriptedChatModel(replies="a"), samples=2)], aggregator=ScriptedChatModel(replies="m"))] * 2,
        ScriptedChatModel(replies="end"),
    )
    graph = create_moa(mixture, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    out = graph.invoke({"messages": [HumanMessage("q")]}, config)
    state = graph.get_state(config).values
    assert state["proposals"] == out["proposals"]
    assert [record["synthesis"]["text"] for record in state["layers"].values()] == ["m", "m"]
    assert all(type(proposal) is dict for proposal in state["proposals"])


def test_resume_after_a_failed_aggregator_makes_no_proposer_call() -> None:
    """In a parent with a checkpointer, a run that failed at the aggregator resumes there."""
    proposer, aggregator = ScriptedChatModel(), ScriptedChatModel(replies=[ValueError("down"), "answer"])
    builder = StateGraph(MessagesState)
    builder.add_node("moa", create_moa(Mixture.of([Proposer(proposer, samples=3)], aggregator, depth=3)))
    builder.add_edge(START, "moa")
    builder.add_edge("moa", END)
    graph = builder.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    with pytest.raises(AggregatorError):
        graph.invoke({"messages": [HumanMessage("q")]}, config)
    assert len(proposer.requests) == 6
    out = graph.invoke(None, config)
    assert [message.content for message in out["messages"]] == ["q", "answer"]
    assert len(proposer.requests) == 6


def test_a_mixture_that_refuses_the_parent_s_checkpointer_begins_again() -> None:
    """With `checkpointer=False`, nothing of the mixture is kept, so that a resumed parent asks every proposer again."""
    proposer, aggregator = ScriptedChatModel(), ScriptedChatModel(replies=[ValueError("down"), "answer"])
    builder = StateGraph(MessagesState)
    builder.add_node("moa", create_moa(Mixture.of([Proposer(proposer, samples=3)], aggregator), checkpointer=False))
    builder.add_edge(START, "moa")
    builder.add_edge("moa", END)
    graph = builder.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    with pytest.raises(AggregatorError):
        graph.invoke({"messages": [HumanMessage("q")]}, config)
    assert graph.invoke(None, config)["messages"][-1].content == "answer"
    assert len(proposer.requests) == 6


def test_a_nested_mixture_resumes_too() -> None:
    """A mixture within a mixture keeps its finished proposals when its own aggregator fails and the run resumes."""
    inner_proposer, outer_proposer = ScriptedChatModel(replies="inner"), ScriptedChatModel(replies="outer")
    inner = Mixture.of([Proposer(inner_proposer, samples=2)], ScriptedChatModel(replies="merged"), name="inner")
    aggregator = ScriptedChatModel(replies=[ValueError("down"), "answer"])
    graph = create_moa(Mixture.of([inner, Proposer(outer_proposer)], aggregator), checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    with pytest.raises(AggregatorError):
        graph.invoke({"messages": [HumanMessage("q")]}, config)
    assert graph.invoke(None, config)["messages"][-1].content == "answer"
    assert (len(inner_proposer.requests), len(outer_proposer.requests)) == (2, 1)
