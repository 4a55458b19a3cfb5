"""What a layer had finished before a crash, read from the checkpoint that the run resumes from."""

from __future__ import annotations

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import ExecutionInfo, get_runtime
from langgraph.types import StateSnapshot

from langgraph_moa import background
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.proposal import Proposal
from langgraph_moa.threads import in_thread

_NO_CHECKPOINTER = "No checkpointer set"
"""What LangGraph's `ValueError` says of a graph that keeps nothing."""


async def finished_before(graph: MoAGraph, config: RunnableConfig, layer: int) -> list[Proposal]:
    """Return the proposals of a layer that its checkpoint holds: none in a run that is not resumed, or keeps nothing.

    Args:
        graph: That the calling node belongs to.
        config: Of the node.
        layer: Counted from 1.

    Raises:
        Exception: Whatever the checkpointer raises: without what it holds, the quorum cannot be told.
    """
    info = get_runtime().execution_info
    if info is None or info.thread_id is None:
        return []
    snapshot = await _snapshot(graph, _of_graph(config, info))
    results = [] if snapshot is None else [task.result for task in snapshot.tasks if task.result]
    written = [proposal for result in results for proposal in result.get("proposals", ())]
    return [proposal for proposal in written if proposal["layer"] == layer]


async def _snapshot(graph: MoAGraph, config: RunnableConfig) -> StateSnapshot | None:
    """Read the state as the run writes it: a checkpointer may serve synchronous callers alone, or asynchronous ones."""
    try:
        if background.is_serving():
            return await in_thread(graph.get_state, config)
        return await graph.aget_state(config)
    except ValueError as error:
        if not str(error).startswith(_NO_CHECKPOINTER):
            raise
        return None


def _of_graph(config: RunnableConfig, info: ExecutionInfo) -> RunnableConfig:
    """Return a node's config made into that of the graph's checkpoint."""
    own = {"checkpoint_ns": info.checkpoint_ns.rpartition("|")[0], "checkpoint_id": info.checkpoint_id}
    return {"configurable": {**config["configurable"], **own}}
