"""A recipe as it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langgraph_moa.budget import Budget
from langgraph_moa.diagram import Box, Diagram, DrawnLayer
from langgraph_moa.mixture.layer import Layer
from langgraph_moa.mixture.warming import WARM_UP

if TYPE_CHECKING:
    from langgraph_moa.mixture.recipe import Mixture


def drawn(mixture: Mixture) -> Diagram:
    """Return every node of a mixture's graph, that of a warm-up among them."""
    layers = [_drawn_layer(mixture, number) for number in range(1, mixture.depth)]
    return Diagram(mixture.name, layers, Box("aggregator", mixture.merger.label))


def may_end(layer: Layer, budget: Budget | None) -> bool:
    """Say whether a run may go from a layer to the end, past the layers that follow."""
    return budget is not None or (layer.stopping is not None and layer.stopping.skips == "layers")


def _drawn_layer(mixture: Mixture, number: int) -> DrawnLayer:
    layer, is_last = mixture.layers[number - 1], number == len(mixture.layers)
    boxes = [Box(slot.name, slot.proposer.label) for slot in layer.slots(number)]
    if is_last and mixture.merger.warms_up:
        boxes.append(Box(WARM_UP, mixture.merger.label))
    merger = None if layer.merger is None else layer.merger.label
    return DrawnLayer(boxes, merger, may_be_last=not is_last and may_end(layer, mixture.budget))
