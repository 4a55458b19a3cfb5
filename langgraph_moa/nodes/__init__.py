"""The kinds of node: proposer, join, aggregator and its warm-up. Each is one coroutine, for sync and async callers."""

from langgraph_moa.nodes.aggregator import AGGREGATOR, AggregatorNode
from langgraph_moa.nodes.join import JoinNode
from langgraph_moa.nodes.proposer import ProposerNode
from langgraph_moa.nodes.run import Run
from langgraph_moa.nodes.warm_up import WarmUpNode

__all__ = ["AGGREGATOR", "AggregatorNode", "JoinNode", "ProposerNode", "Run", "WarmUpNode"]
