"""A bare LangGraph fan-out, written by hand: a node for each proposer of each layer, a join, and an aggregator."""

from __future__ import annotations

import operator
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypedDict, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, convert_to_messages
from langgraph.graph import END, START, StateGraph

from benchmarks.contenders.models import chat_model, with_references
from benchmarks.protocol import Ask, Conversation, Job

NAME = "bare LangGraph fan-out"
VERSIONS = ["langgraph", "langchain-core", "langchain-openai", "openai"]


class State(TypedDict, total=False):
    """What the nodes share."""

    messages: list[BaseMessage]
    answers: Annotated[list[tuple[int, str]], operator.add]
    """Of all layers, each with the number of its layer."""
    answer: BaseMessage


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Ask]:
    """Draw and compile the graph."""
    graph = _drawn(job).compile()

    async def ask(conversation: Conversation) -> AsyncIterator[str]:
        given: Any = {"messages": convert_to_messages(conversation)}
        if not job.stream:
            yield (await graph.ainvoke(given))["answer"].text
            return
        parts: AsyncIterator[Any] = graph.astream(given, stream_mode="messages")
        async for chunk, metadata in parts:
            if isinstance(chunk, AIMessageChunk) and metadata["langgraph_node"] == "aggregator":
                yield chunk.text

    yield ask


def _drawn(job: Job) -> StateGraph[State]:
    graph: StateGraph[State] = StateGraph(State)
    before = START
    for number, names in enumerate(job.layers, start=1):
        join = f"join_{number}"
        graph.add_node(join, cast("Any", _join))
        for index, name in enumerate(names):
            node = f"proposer_{number}_{index}"
            graph.add_node(node, cast("Any", _proposer(chat_model(name, job), number)))
            graph.add_edge(before, node)
            graph.add_edge(node, join)
        before = join
    graph.add_node("aggregator", cast("Any", _aggregator(chat_model(job.aggregator, job), len(job.layers))))
    graph.add_edge(before, "aggregator")
    graph.add_edge("aggregator", END)
    return graph


async def _join(_: State) -> State:
    return {}


def _proposer(model: BaseChatModel, layer: int) -> Callable[[State], Awaitable[State]]:
    async def propose(state: State) -> State:
        answer = await model.ainvoke(_request(state, layer - 1))
        return {"answers": [(layer, answer.text)]}

    return propose


def _aggregator(model: BaseChatModel, last: int) -> Callable[[State], Awaitable[State]]:
    async def aggregate(state: State) -> State:
        return {"answer": await model.ainvoke(_request(state, last))}

    return aggregate


def _request(state: State, layer: int) -> list[BaseMessage]:
    return with_references(state["messages"], [text for number, text in state.get("answers", []) if number == layer])
