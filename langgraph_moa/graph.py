"""Draws a mixture as a LangGraph graph. The only file that adds nodes and edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from langgraph.cache.base import BaseCache
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.store.base import BaseStore

from langgraph_moa.checks import listed
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture import Mixture, Model
from langgraph_moa.mixture.seats import AnySeat
from langgraph_moa.nodes import AGGREGATOR, AggregatorNode, JoinNode, ProposerNode, Run
from langgraph_moa.state import MoAInput, MoAOutput, MoAState

LEAST_CONCURRENCY = 128
"""Calls side by side in a run, or as many as its widest layer has, unless the caller sets `max_concurrency`.

Without it, LangGraph gives a synchronous run a few threads more than there are cores, and a wide layer waits in turn.
"""


def create_moa(
    mixture: Mixture,
    *,
    checkpointer: BaseCheckpointSaver[Any] | bool | None = None,
    store: BaseStore | None = None,
    cache: BaseCache[Any] | None = None,
    interrupt_before: Sequence[str] | Literal["*"] | None = None,
    interrupt_after: Sequence[str] | Literal["*"] | None = None,
    name: str | None = None,
) -> MoAGraph:
    """Compile a mixture to a graph, to be invoked as a Runnable or added as a node to a larger graph.

    `graph.invoke({"messages": [...]})` gives the conversation with the answer as its last message, and `proposals`:
    every proposal, layer by layer, in configured order. Nodes are named `layer_1_<slot>`, ..., `layer_1_join`, ...,
    `aggregator`.

    Args:
        mixture: The recipe. Models that are mixtures are compiled too.
        checkpointer: `None`: stateless on its own; within a parent graph, the parent's. See LangGraph for the rest.
        store: As in `StateGraph.compile`.
        cache: As in `StateGraph.compile`: for nodes with a cache policy, which a mixture's own have not, since a
            failed call is not to be kept. For answers, set LangChain's LLM cache.
        interrupt_before: Nodes to stop before, such as `["aggregator"]`; `"*"` for all.
        interrupt_after: Nodes to stop after, such as `["layer_1_join"]`; `"*"` for all.
        name: Of the graph in traces; `None`: the mixture's.

    Raises:
        ConfigurationError: `mixture` is not a `Mixture`, or sampling parameters are set for a model that takes none.
    """
    if not isinstance(mixture, Mixture):
        msg = f"create_moa takes a Mixture, got {type(mixture).__name__}. Build one: Mixture.of(proposers, aggregator)"
        raise ConfigurationError(msg)
    run = Run(mixture)
    compiled = mixture.map_seats(_with_compiled_models)
    graph = StateGraph(MoAState, input_schema=MoAInput, output_schema=MoAOutput)
    before = START
    for number, layer in enumerate(compiled.layers, start=1):
        join = f"layer_{number}_join"
        graph.add_node(join, JoinNode(run, number, layer))
        for slot in layer.slots(number):
            graph.add_node(slot.node, ProposerNode(run, slot, layer))
            graph.add_edge(before, slot.node)
            graph.add_edge(slot.node, join)
        before = join
    graph.add_node(AGGREGATOR, AggregatorNode(run, compiled.merger))
    graph.add_edge(before, AGGREGATOR)
    graph.add_edge(AGGREGATOR, END)
    compiled_graph = graph.compile(
        checkpointer=checkpointer,
        store=store,
        cache=cache,
        interrupt_before=_node_names("interrupt_before", interrupt_before),
        interrupt_after=_node_names("interrupt_after", interrupt_after),
        name=name or mixture.name,
    )
    widest = max(len(layer.slots(1)) for layer in compiled.layers)
    run.graph = MoAGraph(**vars(compiled_graph)).with_config(max_concurrency=max(LEAST_CONCURRENCY, widest))
    return run.graph


def _node_names(what: str, names: Sequence[str] | None) -> list[str] | Literal["*"]:
    return "*" if names == "*" else list(listed(what, names or ()))


def _with_compiled_models(seat: AnySeat) -> AnySeat:
    """Compile the mixtures that stand in a seat."""
    return replace(seat, model=_compiled(seat.model), fallbacks=[_compiled(model) for model in seat.fallbacks])


def _compiled(model: Model) -> Model:
    return create_moa(model) if isinstance(model, Mixture) else model
