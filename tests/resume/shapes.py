"""The places where a mixture may stand: alone, as a node, called by a node, and twice side by side."""

from __future__ import annotations

from typing import Any, Literal, get_args

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, MessagesState, StateGraph

from langgraph_moa import Mixture, create_moa
from tests.resume.databases import Saver

Shape = Literal["root", "subgraph", "function", "parallel"]
Mode = Literal["sync", "async"]
"""Whether a graph is called with `invoke` or with `ainvoke`."""
SHAPES: tuple[Shape, ...] = get_args(Shape)


def prefixes(shape: Shape) -> list[str]:
    """Return what the models' names of each mixture begin with."""
    return ["left-", "right-"] if shape == "parallel" else [""]


def build(shape: Shape, mixtures: list[Mixture], checkpointer: Saver, *, mode: Mode) -> Any:
    """Compile a graph.

    Args:
        shape: Of the graph.
        mixtures: As many as `prefixes` has entries.
        checkpointer: Of the outermost graph.
        mode: With `"async"`, a function that calls a mixture is a coroutine function.
    """
    if shape == "root":
        return create_moa(mixtures[0], checkpointer=checkpointer)
    builder = StateGraph(MessagesState)
    for mixture in mixtures:
        graph = create_moa(mixture)
        node: Any = (_coroutine(graph) if mode == "async" else _function(graph)) if shape == "function" else graph
        builder.add_node(mixture.name, node)
        builder.add_edge(START, mixture.name)
        builder.add_edge(mixture.name, END)
    return builder.compile(checkpointer=checkpointer)


def _function(moa: Any) -> Any:
    def ask(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        answer: Any = moa.invoke({"messages": state["messages"]}, config)
        return {"messages": [answer["messages"][-1]]}

    return ask


def _coroutine(moa: Any) -> Any:
    async def ask(state: MessagesState) -> dict[str, Any]:
        """Pass no config on: LangGraph finds it by itself."""
        answer: Any = await moa.ainvoke({"messages": state["messages"]})
        return {"messages": [answer["messages"][-1]]}

    return ask
