"""Claims about the way on after a layer without its quorum: from the checkpoint before it."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig

from langgraph_moa import Layer, Mixture, Proposer, QuorumError, create_moa
from langgraph_moa.testing import ScriptedChatModel
from tests.resume.databases import Database, Saver

QUESTION: Any = {"messages": [HumanMessage("q")]}
CONFIG: RunnableConfig = {"configurable": {"thread_id": "1"}}


class Case:
    """A mixture of two layers, in whose second one a model fails the first time.

    Args:
        grace: Of the second layer.
    """

    def __init__(self, grace: float | None) -> None:
        self.earlier = ScriptedChatModel(replies="earlier")
        self.steady = ScriptedChatModel(replies="steady")
        self.mended = ScriptedChatModel(replies="mended", failures=[PermissionError("no access")])
        self.aggregator = ScriptedChatModel(replies="the answer")
        proposers = [Proposer(self.steady, name="steady"), Proposer(self.mended, name="mended")]
        second = Layer(proposers, quorum=2, grace=grace)
        self.mixture = Mixture([Layer([Proposer(self.earlier, name="earlier")]), second], self.aggregator)

    def compiled(self, saver: Saver) -> Any:
        """Return the graph."""
        return create_moa(self.mixture, checkpointer=saver)

    @property
    def calls(self) -> tuple[int, ...]:
        """How often each model was asked, in the order in which they stand in the graph."""
        return tuple(len(model.requests) for model in (self.earlier, self.steady, self.mended, self.aggregator))


@pytest.fixture(params=[None, 0.2], ids=["no-grace", "grace"])
def case(request: pytest.FixtureRequest) -> Case:
    """Return a mixture that has not run, without and with what a layer recalls of its checkpoint."""
    return Case(request.param)


def is_before_the_layer(state: Any) -> bool:
    """Say whether the second layer's proposers are asked next."""
    return set(state.next) == {"layer_2_steady", "layer_2_mended"}


def test_resuming_raises_the_same_error_and_going_back_asks_the_layer_again(database: Database, case: Case) -> None:
    """Resumed, the run makes no call; from before the layer, its proposers are asked again and no other is."""
    with database.saver() as saver:
        graph = case.compiled(saver)
        for given in (QUESTION, None):
            with pytest.raises(QuorumError, match="layer 2: 1 of 2"):
                graph.invoke(given, CONFIG)
            assert case.calls == (1, 1, 1, 0)
        past = next(state for state in graph.get_state_history(CONFIG) if is_before_the_layer(state))
        out = graph.invoke(None, past.config)
    assert out["messages"][-1].content == "the answer"
    assert [proposal["text"] for proposal in out["proposals"]] == ["earlier", "steady", "mended"]
    assert case.calls == (1, 2, 2, 1)


async def test_asynchronous_runs_go_on_in_the_same_way(database: Database, case: Case) -> None:
    """With `ainvoke` the resumed run makes no call either, and the way on is the same."""
    async with database.async_saver() as saver:
        graph = case.compiled(saver)
        for given in (QUESTION, None):
            with pytest.raises(QuorumError, match="layer 2: 1 of 2"):
                await graph.ainvoke(given, CONFIG)
        history = [state async for state in graph.aget_state_history(CONFIG)]
        past = next(state for state in history if is_before_the_layer(state))
        out = await graph.ainvoke(None, past.config)
    assert out["messages"][-1].content == "the answer"
    assert case.calls == (1, 2, 2, 1)
