"""Graphs within a mixture, under a checkpointer that serves synchronous callers alone."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver

from langgraph_moa import Aggregator, Layer, Mixture, Proposer, create_moa
from langgraph_moa.testing import ScriptedChatModel

QUESTION: Any = {"messages": [HumanMessage("why?")]}
THREAD: Any = {"configurable": {"thread_id": "one"}}


def nested(inner: ScriptedChatModel, *, deadline: float = 60.0) -> Mixture:
    """Return a mixture of a mixture, an agent and a chat model."""
    panel = Mixture([Layer([inner, ScriptedChatModel(replies="second")])], ScriptedChatModel(replies="of the panel"))
    agent: Any = create_agent(ScriptedChatModel(replies="of the agent"), tools=[])
    proposers: list[Any] = [
        Proposer(panel, name="panel"),
        Proposer(agent, name="agent"),
        ScriptedChatModel(replies="alone"),
    ]
    return Mixture([Layer(proposers, deadline=deadline)], Aggregator(ScriptedChatModel(replies="answer")))


def test_graphs_in_slots_share_a_synchronous_checkpointer() -> None:
    """SqliteSaver refuses asynchronous use, so a synchronous run calls the graphs in its slots synchronously too."""
    with SqliteSaver.from_conn_string(":memory:") as saver:
        out = create_moa(nested(ScriptedChatModel()), checkpointer=saver).invoke(QUESTION, THREAD)
    assert [proposal["text"] for proposal in out["proposals"]] == ["of the panel", "of the agent", "alone"]


def test_a_crash_within_a_nested_mixture_repeats_no_call() -> None:
    """What its proposers had answered is kept: a resumed run asks only for the rest."""
    first = ScriptedChatModel(replies="first")
    recipe = nested(first)
    with SqliteSaver.from_conn_string(":memory:") as saver:
        graph = create_moa(recipe, checkpointer=saver, interrupt_before=["aggregator"])
        graph.invoke(QUESTION, THREAD)
        out = graph.invoke(None, THREAD)
    assert out["messages"][-1].text == "answer"
    assert len(first.requests) == 1


def test_a_deadline_reaches_the_calls_of_a_nested_mixture() -> None:
    """When the time is up, the nested run is cancelled though it runs in a thread."""
    slow = ScriptedChatModel(delay=30)
    with SqliteSaver.from_conn_string(":memory:") as saver:
        graph = create_moa(nested(slow, deadline=1.5), checkpointer=saver)
        out = graph.invoke(QUESTION, THREAD)
    assert [proposal["status"] for proposal in out["proposals"]] == ["timeout", "ok", "ok"]
    assert slow.cancelled == 1


@pytest.mark.parametrize("mode", ["custom", "values"])
def test_closing_a_stream_reaches_the_calls_of_a_nested_mixture(mode: Any) -> None:
    """Whoever stops reading stops all calls, at every depth."""
    slow = ScriptedChatModel(delay=30)
    with SqliteSaver.from_conn_string(":memory:") as saver:
        graph = create_moa(nested(slow), checkpointer=saver)
        stream = graph.stream(QUESTION, THREAD, stream_mode=mode)
        next(stream)
        reader = threading.Thread(target=stream.close)
        reader.start()
        reader.join(10)
        assert not reader.is_alive(), "closing waits for the calls"
