"""The three kinds of node: proposer, join and aggregator. Each is one coroutine, for sync and async callers alike."""

from langgraph_moa.nodes.aggregator import AGGREGATOR, AggregatorNode
from langgraph_moa.nodes.join import JoinNode
from langgraph_moa.nodes.proposer import ProposerNode
from langgraph_moa.nodes.run import Run

__all__ = ["AGGREGATOR", "AggregatorNode", "JoinNode", "ProposerNode", "Run"]
