"""What the nodes of one layer in one run share while they are at work."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

from langgraph.runtime import get_runtime

from langgraph_moa.affording import seconds_left
from langgraph_moa.mixture import Layer
from langgraph_moa.nodes.run import Run
from langgraph_moa.state import LayerRecord, MoAState
from langgraph_moa.waiting import Latch, LatchKey, shared_latch


def layer_latch(
    run: Run, layer: Layer, number: int, earlier: Mapping[str, LayerRecord]
) -> AbstractContextManager[Latch]:
    """Return what this run of a layer shares, for as long as the calling node needs it.

    Args:
        run: The mixture.
        layer: Whose deadline is kept within what the budget leaves of the run's seconds.
        number: Of the layer, counted from 1.
        earlier: What the layers before have left behind.
    """
    left = seconds_left(run.mixture.budget, earlier)
    in_time = layer if left is None or left >= layer.deadline else replace(layer, deadline=left)
    key = _latch_key(run, number)
    return shared_latch(
        key,
        in_time,
        is_structured=run.schema is not None,
        run=get_runtime().stream_writer,
        is_accompanied=run.warmed_layer == number,
    )


def earlier_layers(state: MoAState, number: int) -> dict[str, LayerRecord]:
    """Return what the layers before one have left behind; what an earlier turn has left does not count."""
    return state["layers"] if number > 1 else {}


def _latch_key(run: Run, number: int) -> LatchKey:
    """Return what a layer's nodes have in common in this run: one checkpoint of one namespace."""
    info = get_runtime().execution_info
    where = (info.checkpoint_id, info.checkpoint_ns.rpartition("|")[0]) if info else ("", "")
    return (*where, str(id(run)), str(number))
