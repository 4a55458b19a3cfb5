"""Draws a mixture as a LangGraph graph. The only file that adds nodes and edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from langgraph.cache.base import BaseCache
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.store.base import BaseStore

from langgraph_moa.checks import listed
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.diagram import Diagram
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.gguf import context_window
from langgraph_moa.mixture import Layer, Mixture, Model
from langgraph_moa.mixture.drawn import drawn, may_end
from langgraph_moa.mixture.seats import AnySeat
from langgraph_moa.mixture.warming import WARM_UP
from langgraph_moa.nodes import AGGREGATOR, AggregatorNode, JoinNode, ProposerNode, Run, WarmUpNode
from langgraph_moa.state import Advice, MoAInput, MoAOutput, MoAState, WarmedState, is_dropped

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
    stream_proposals: bool = False,
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
        stream_proposals: Whether proposers stream too: their tokens then come in the `messages` stream and in events,
            tagged `moa:layer:<number>` and `moa:proposer:<slot>`. Without it, none of their tokens is told to anyone.

    Raises:
        ConfigurationError: `mixture` is not a `Mixture`, or sampling parameters are set for a model that takes none.
    """
    drawing = _Drawing(mixture, MoAInput, MoAOutput, stream_proposals=stream_proposals)
    drawing.add_aggregator(drawing.add_layers(AGGREGATOR))
    return drawing.compiled(
        checkpointer=checkpointer,
        store=store,
        cache=cache,
        interrupt_before=_node_names("interrupt_before", interrupt_before),
        interrupt_after=_node_names("interrupt_after", interrupt_after),
        name=name,
    )


def create_aggregation(
    mixture: Mixture,
    *,
    checkpointer: BaseCheckpointSaver[Any] | bool | None = None,
    store: BaseStore | None = None,
    name: str | None = None,
) -> MoAGraph:
    """Compile a mixture's aggregator alone: it writes an answer from proposals that there are, and asks no proposer.

    `graph.invoke({"messages": [...], "proposals": out["proposals"]})` aggregates an old run again, by another model
    if the mixture names one. Its input is the conversation that the old run was given, and what that run gave as
    `proposals`; those of the last layer are the references. In the summary of the answer, only the new call costs.

    Args:
        mixture: The recipe; nothing of it counts but its aggregator, and how references are shown.
        checkpointer: As in `create_moa`.
        store: As in `create_moa`.
        name: As in `create_moa`.

    Raises:
        ConfigurationError: As in `create_moa`.
    """
    drawing = _Drawing(mixture, MoAOutput, MoAOutput)
    drawing.add_aggregator(START)
    return drawing.compiled(checkpointer=checkpointer, store=store, name=name)


def create_advisers(mixture: Mixture, *, stream_proposals: bool = False, name: str | None = None) -> MoAGraph:
    """Compile a mixture's layers alone: the graph gives `{"layers": ...}`, what every layer left behind, and no answer.

    Args:
        mixture: The recipe; its aggregator is not asked.
        stream_proposals: As in `create_moa`.
        name: As in `create_moa`.

    Raises:
        ConfigurationError: As in `create_moa`.
    """
    drawing = _Drawing(mixture, MoAInput, Advice, stream_proposals=stream_proposals)
    drawing.graph.add_edge(drawing.add_layers(END), END)
    return drawing.compiled(name=name)


class _Drawing:
    """A graph that is being drawn.

    Args:
        mixture: The recipe.
        given: Schema of the input.
        gives: Schema of the output.
        stream_proposals: Whether proposers may stream.
    """

    def __init__(self, mixture: Mixture, given: type[Any], gives: type[Any], *, stream_proposals: bool = False) -> None:
        if not isinstance(mixture, Mixture):
            kind = type(mixture).__name__
            msg = f"create_moa takes a Mixture, got {kind}. Build one: Mixture.of(proposers, aggregator)"
            raise ConfigurationError(msg)
        self.run = Run(mixture, stream_proposals=stream_proposals)
        self.mixture = mixture.map_seats(_with_compiled_models)
        self.warms_up = self.mixture.merger.warms_up
        self.diagram = Diagram(mixture.name, layers=(), aggregator=None)
        self.graph = StateGraph(WarmedState if self.warms_up else MoAState, input_schema=given, output_schema=gives)

    def add_layers(self, end: str) -> str:
        """Draw every proposer and every join; return the node that all of them lead to.

        Args:
            end: Node that comes next where a budget or an agreement leaves out the layers that follow.
        """
        before = START
        self.diagram = self.diagram._replace(layers=drawn(self.mixture).layers)
        for number, layer in enumerate(self.mixture.layers, start=1):
            join = f"layer_{number}_join"
            self.graph.add_node(join, JoinNode(self.run, number, layer))
            self.run.seats += [*layer.seats, *([] if layer.merger is None else [layer.merger])]
            slots = layer.slots(number)
            for slot in slots:
                self.graph.add_node(slot.node, ProposerNode(self.run, slot, layer))
                self.graph.add_edge(slot.node, join)
            nodes = [slot.node for slot in slots]
            if number == len(self.mixture.layers) and end == AGGREGATOR and self.warms_up:
                nodes.append(self._add_warm_up(number, layer, nodes))
            self._add_way(before, number, nodes, end)
            before = join
        return before

    def _add_warm_up(self, number: int, layer: Layer, nodes: Sequence[str]) -> str:
        """Draw what is done for the aggregator beside the last layer; return the node's name."""
        name = f"layer_{number}_{WARM_UP}"
        if name in nodes:
            raise ConfigurationError(
                f"a slot is named {WARM_UP!r}, as the node beside it that Aggregator.warm_up draws: name it otherwise"
            )
        self.graph.add_node(name, WarmUpNode(self.run, number, layer, self.mixture.merger))
        self.graph.add_edge(name, f"layer_{number}_join")
        self.run.warmed_layer = number
        return name

    def _add_way(self, before: str, number: int, nodes: list[str], end: str) -> None:
        """Draw the edges to a layer: a budget or an agreement can lead past it, and the first layer is always asked."""
        if number == 1 or not self._may_end(number - 1):
            for node in nodes:
                self.graph.add_edge(before, node)
        else:
            self.graph.add_conditional_edges(before, _onwards(number, nodes, end), [*nodes, end])

    def _may_end(self, number: int) -> bool:
        """Say whether the run may go from a layer to the end, past the layers that follow."""
        return may_end(self.mixture.layers[number - 1], self.mixture.budget)

    def add_aggregator(self, before: str) -> None:
        """Draw the end."""
        self.diagram = self.diagram._replace(aggregator=drawn(self.mixture).aggregator)
        self.graph.add_node(AGGREGATOR, AggregatorNode(self.run, self.mixture.merger))
        self.run.seats.append(self.mixture.merger)
        self.run.gives_answer = True
        self.graph.add_edge(before, AGGREGATOR)
        self.graph.add_edge(AGGREGATOR, END)

    def compiled(self, *, name: str | None, **options: Any) -> MoAGraph:  # noqa: ANN401 - LangGraph's own options
        """Return the graph, ready to be called."""
        compiled = self.graph.compile(name=name or self.mixture.name, **options)
        widest = max(len(layer.slots(1)) for layer in self.mixture.layers) + self.warms_up
        diagram = self.diagram._replace(title=compiled.name)
        drawn_graph = MoAGraph(diagram=diagram, **vars(compiled))
        self.run.graph = drawn_graph.with_config(max_concurrency=max(LEAST_CONCURRENCY, widest))
        return self.run.graph


def _onwards(number: int, nodes: list[str], end: str) -> Callable[[MoAState], list[str]]:
    def as_decided(state: MoAState) -> list[str]:
        return [end] if is_dropped(state["layers"], number) else nodes

    return as_decided


def _node_names(what: str, names: Sequence[str] | None) -> list[str] | Literal["*"]:
    return "*" if names == "*" else list(listed(what, names or ()))


def _with_compiled_models(seat: AnySeat) -> AnySeat:
    """Compile the mixtures that stand in a seat, and find out what its files can take."""
    if seat.model is None:
        return seat
    return replace(
        seat,
        model=_compiled(seat.model),
        fallbacks=[_compiled(model) for model in seat.fallbacks],
        context_window=context_window(seat),
    )


def _compiled(model: Model) -> Model:
    return create_moa(model) if isinstance(model, Mixture) else model
