"""Where a mixture may stand, and every way to call it there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langgraph.graph import END, START, StateGraph

from langgraph_moa import Mixture, create_moa
from langgraph_moa.chat_model import ChatMoA
from tests.ways import ParentState, parent_of

Caller = Runnable[Any, Any]


class Site(NamedTuple):
    """A place for a mixture."""

    build: Callable[[Mixture], Caller]
    ask: Callable[[str], Any]
    """Makes the input of a call."""


def _state(question: str) -> ParentState:
    return ParentState(messages=[HumanMessage(question)], proposals=[])


def _node_that_calls(model: ChatMoA) -> Caller:
    """Return a user's graph with a node that calls a chat model, in the way in which the graph is called."""

    def call(state: ParentState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    async def acall(state: ParentState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(ParentState)
    graph.add_node("asking", RunnableLambda(call, acall))
    graph.add_edge(START, "asking")
    graph.add_edge("asking", END)
    return graph.compile()


SITES = {
    "graph": Site(create_moa, lambda question: {"messages": [HumanMessage(question)]}),
    "node": Site(lambda mixture: parent_of(create_moa(mixture)), _state),
    "chat": Site(lambda mixture: ChatMoA(mixture=mixture), lambda question: [HumanMessage(question)]),
    "chat-in-node": Site(lambda mixture: _node_that_calls(ChatMoA(mixture=mixture)), _state),
    "agent": Site(lambda mixture: create_agent(ChatMoA(mixture=mixture)), lambda question: {"messages": [question]}),
}
QUESTIONS = ("What is a mixture?", "And of what?")


def invoke(caller: Caller, questions: Sequence[Any]) -> list[Any]:
    """Call synchronously, one after the other."""
    return [caller.invoke(question) for question in questions]


def ainvoke(caller: Caller, questions: Sequence[Any]) -> list[Any]:
    """Call side by side, in a loop of its own."""

    async def together() -> list[Any]:
        return await asyncio.gather(*[caller.ainvoke(question) for question in questions])

    return asyncio.run(together())


def batch(caller: Caller, questions: Sequence[Any]) -> list[Any]:
    """Call in a batch."""
    return caller.batch(list(questions))


def abatch(caller: Caller, questions: Sequence[Any]) -> list[Any]:
    """Call in an asynchronous batch."""
    return asyncio.run(caller.abatch(list(questions)))


def stream(caller: Caller, questions: Sequence[Any]) -> list[Any]:
    """Stream synchronously."""
    return [list(caller.stream(question)) for question in questions]


def astream(caller: Caller, questions: Sequence[Any]) -> list[Any]:
    """Stream in a loop of its own."""

    async def collected(question: Any) -> list[Any]:
        return [piece async for piece in caller.astream(question)]

    return [asyncio.run(collected(question)) for question in questions]


WAYS = (invoke, ainvoke, batch, abatch, stream, astream)
Way = Callable[[Caller, Sequence[Any]], list[Any]]
every_site = pytest.mark.parametrize("site", SITES.values(), ids=SITES)
every_way = pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])


def answer_of(outcome: Any) -> AIMessage:
    """Return the answer that a call gave: of a message, a state, a node's update, or a list of their parts."""
    if isinstance(outcome, AIMessage):
        return outcome
    if isinstance(outcome, list):
        parts = [answer_of(part) for part in outcome[-1:]] if isinstance(outcome[-1], dict) else outcome
        whole = parts[0]
        for part in parts[1:]:
            whole += part
        return answer_of(whole)
    if "messages" in outcome:
        return answer_of(outcome["messages"][-1])
    return answer_of(list(outcome.values())[-1])
