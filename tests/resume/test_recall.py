"""Claims about what a layer reads of its checkpoint before its quorum is counted."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_moa import Layer, Mixture, Proposer, create_moa
from langgraph_moa.testing import ScriptedChatModel
from tests.resume.shapes import Mode

QUESTION: Any = {"messages": [HumanMessage("q")]}
CONFIG: RunnableConfig = {"configurable": {"thread_id": "1"}}


class Broken(InMemorySaver):
    """A checkpointer that can be read once, when a run begins."""

    reads = 0

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Read as a checkpointer does, and fail from the second time on."""
        self.reads += 1
        if self.reads > 1:
            msg = "the file is no database"
            raise ValueError(msg)
        return super().get_tuple(config)


def recalling(model: ScriptedChatModel, saver: InMemorySaver | None) -> Any:
    """Compile a mixture whose layer asks what it had finished, since it has a grace."""
    layer = Layer([Proposer(model, name="a"), Proposer(model, name="b")], quorum=2, grace=0.1)
    return create_moa(Mixture([layer], ScriptedChatModel(replies="the answer")), checkpointer=saver)


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_a_checkpointer_that_cannot_be_read_ends_the_run(mode: Mode) -> None:
    """An error of the checkpointer is raised as it is, and is not taken for a graph that keeps nothing."""
    graph = recalling(ScriptedChatModel(), Broken())
    with pytest.raises(ValueError, match="the file is no database"):
        graph.invoke(QUESTION, CONFIG) if mode == "sync" else await graph.ainvoke(QUESTION, CONFIG)


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_a_graph_that_keeps_nothing_has_nothing_to_recall(mode: Mode) -> None:
    """Without a checkpointer a layer with a grace answers, also where the caller names a thread."""
    graph = recalling(ScriptedChatModel(), None)
    answer = graph.invoke(QUESTION, CONFIG) if mode == "sync" else await graph.ainvoke(QUESTION, CONFIG)
    assert answer["messages"][-1].content == "the answer"
