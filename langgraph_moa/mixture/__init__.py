"""What a user writes: `Proposer`, `Layer`, `Aggregator` and `Mixture`. Frozen data that knows no I/O.

**Depth** counts the stages of model calls, the aggregator included. The paper's "3-layer MoA" has depth 3: two layers
of six proposers and an aggregator, 13 calls; its MoA-Lite has depth 2, 7 calls. Elsewhere the same word is used for
`depth - 1` (layers of proposers) or for rounds; here it never is.

Source: Wang et al. 2024 (arXiv:2406.04692), section 2.
"""

from langgraph_moa.mixture.hedging import Hedge
from langgraph_moa.mixture.layer import Layer, Slot
from langgraph_moa.mixture.recipe import Mixture
from langgraph_moa.mixture.seats import Aggregator, Model, NestedModel, Proposer, model_label
from langgraph_moa.mixture.stopping import StopWhen

__all__ = [
    "Aggregator",
    "Hedge",
    "Layer",
    "Mixture",
    "Model",
    "NestedModel",
    "Proposer",
    "Slot",
    "StopWhen",
    "model_label",
]
