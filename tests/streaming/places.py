"""Where a mixture may stand, and a single model in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, HumanMessage, message_chunk_to_message
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph

from langgraph_moa import Mixture, create_moa
from langgraph_moa.chat_model import ChatMoA
from tests.streaming.listening import Kind

Caller = Runnable[Any, Any]


class Subject(NamedTuple):
    """What is put into a place."""

    graph: Caller
    model: BaseChatModel


def mixed(mixture: Mixture, *, stream_proposals: bool = False) -> Subject:
    """Return a mixture, as a graph and as a chat model."""
    return Subject(
        create_moa(mixture, stream_proposals=stream_proposals),
        ChatMoA(mixture=mixture, stream_proposals=stream_proposals),
    )


def single(model: BaseChatModel) -> Subject:
    """Return a model alone, also as a graph of one node."""

    def call(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    async def acall(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    return Subject(graph_of(RunnableLambda(call, acall), "aggregator"), model)


def graph_of(node: Any, name: str) -> Caller:
    """Return a user's graph of one node."""
    builder = StateGraph(MessagesState)
    builder.add_node(name, node)
    builder.add_edge(START, name)
    builder.add_edge(name, END)
    return builder.compile()


class Place(NamedTuple):
    """A place for a mixture."""

    kind: Kind
    build: Callable[[Subject], Caller]
    ask: Callable[[str], Any]
    """Makes the input of a call."""
    is_agent: bool = False


def _state(question: str) -> Any:
    return {"messages": [HumanMessage(question)]}


def _messages(question: str) -> Any:
    return [HumanMessage(question)]


def inside_a_node(subject: Subject) -> Caller:
    """Return a graph with a node that calls the model, with the config of the node."""
    model = subject.model

    def call(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"], config)]}

    async def acall(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"], config)]}

    return graph_of(RunnableLambda(call, acall), "asking")


def inside_a_node_without_config(subject: Subject) -> Caller:
    """Return a graph with a node that calls the model, and hands no config on."""
    return graph_of(single(subject.model).graph.nodes["aggregator"].bound, "asking")  # type: ignore[attr-defined]


def streamed_in_a_node(subject: Subject) -> Caller:
    """Return a graph with a node that streams the model, with the config of the node."""
    model = subject.model

    def call(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        whole = AIMessageChunk(content="")
        for chunk in model.stream(state["messages"], config):
            whole += chunk
        return {"messages": [message_chunk_to_message(whole)]}

    async def acall(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        whole = AIMessageChunk(content="")
        async for chunk in model.astream(state["messages"], config):
            whole += chunk
        return {"messages": [message_chunk_to_message(whole)]}

    return graph_of(RunnableLambda(call, acall), "asking")


def streamed_in_a_node_without_config(subject: Subject) -> Caller:
    """Return a graph with a node that streams the model, and hands no config on."""
    model = subject.model

    def call(state: MessagesState) -> dict[str, Any]:
        whole = AIMessageChunk(content="")
        for chunk in model.stream(state["messages"]):
            whole += chunk
        return {"messages": [message_chunk_to_message(whole)]}

    async def acall(state: MessagesState) -> dict[str, Any]:
        whole = AIMessageChunk(content="")
        async for chunk in model.astream(state["messages"]):
            whole += chunk
        return {"messages": [message_chunk_to_message(whole)]}

    return graph_of(RunnableLambda(call, acall), "asking")


@tool
def measure(tower: str) -> str:
    """Measure a tower."""
    return f"{tower}: 80 m"


def agent(subject: Subject) -> Caller:
    """Return an agent with a tool."""
    return create_agent(subject.model, tools=[measure])


def chain(subject: Subject) -> Caller:
    """Return a chain from a question to a text."""
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{question}")])
    return prompt | subject.model | StrOutputParser()


PLACES = {
    "root": Place("graph", lambda subject: subject.graph, _state),
    "subgraph": Place("graph", lambda subject: graph_of(subject.graph, "mixture"), _state),
    "chat": Place("chat", lambda subject: subject.model, _messages),
    "inside-a-node": Place("graph", inside_a_node, _state),
    "inside-a-node-without-config": Place("graph", inside_a_node_without_config, _state),
    "streamed-in-a-node": Place("graph", streamed_in_a_node, _state),
    "streamed-in-a-node-without-config": Place("graph", streamed_in_a_node_without_config, _state),
    "agent": Place("graph", agent, _state, is_agent=True),
    "chain": Place("chain", chain, lambda question: {"question": question}),
}
