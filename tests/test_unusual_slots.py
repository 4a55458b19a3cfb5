"""Slots that do what no chat model does: hand over, end the process, or write nothing."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command
from pydantic import Field

from langgraph_moa import Aggregator, AggregatorError, Layer, Mixture, Proposer, QuorumError, create_moa
from langgraph_moa.testing import ScriptedChatModel
from tests.ways import FIRST, Way, sync_and_async

QUESTION: Any = {"messages": [HumanMessage("Hi?")]}
GOOD = ScriptedChatModel(replies="good")
CALLS_A_TOOL = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "1"}])


def hands_over() -> Any:
    """Return an agent that hands over to a node of its parent, as a handoff tool does."""
    builder = StateGraph(MessagesState)
    command: Any = Command(graph=Command.PARENT, goto="aggregator", update={"messages": [AIMessage("handed over")]})
    builder.add_node("hand_over", lambda _: command)
    builder.add_edge(START, "hand_over")
    return builder.compile()


@sync_and_async
def test_a_slot_cannot_hand_over(way: Way) -> None:
    """A handoff out of a slot is that slot's failure: it routes nothing, and its messages go nowhere."""
    aggregator = ScriptedChatModel(replies="answer")
    layer = Layer([Proposer(hands_over(), name="agent"), Proposer(GOOD, name="good")])
    out = way(create_moa(Mixture([layer], aggregator, on_partial="allow")))[FIRST]
    assert [proposal["status"] for proposal in out["proposals"]] == ["error", "ok"]
    assert [message.type for message in out["messages"]] == ["human", "ai"]
    assert "handed over" not in str(aggregator.requests)


def test_a_slot_without_a_proposal_is_missed() -> None:
    """A slot for which somebody else has written the state counts as planned and missing, not as never there."""
    recipe = Mixture([Layer([Proposer(GOOD, name="a"), Proposer(GOOD, name="b")])], GOOD)
    graph = create_moa(recipe, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    graph.update_state(thread, QUESTION, as_node="__start__")
    graph.update_state(thread, {}, as_node="layer_1_a")
    with pytest.raises(QuorumError, match=r"0 of 2 .*a: skipped, .*b: skipped"):
        graph.invoke(None, thread)


def test_whoever_ends_the_process_ends_no_other_run() -> None:
    """`sys.exit` in a slot reaches the caller of that run, and other synchronous runs go on."""
    leaves = create_moa(Mixture.of([RunnableLambda(lambda _: sys.exit(3))], GOOD))
    stays = create_moa(Mixture.of([GOOD], GOOD))
    for _ in range(2):
        with pytest.raises(SystemExit, match="3"):
            leaves.invoke(QUESTION)
        assert stays.invoke(QUESTION)["messages"][-1].text == "good"


def test_a_quorum_error_keeps_the_layers_before() -> None:
    """Answers of earlier layers were paid for, and stay in the error; its message counts the failed layer alone."""
    second = Layer([Proposer(ScriptedChatModel(replies=ValueError("no")), name="bad")])
    with pytest.raises(QuorumError, match="layer 2: 0 of 1") as caught:
        create_moa(Mixture([Layer([GOOD]), second], GOOD)).invoke(QUESTION)
    assert [(one["layer"], one["status"]) for one in caught.value.proposals] == [(1, "ok"), (2, "error")]


def test_a_tool_call_of_a_proposer_is_no_answer() -> None:
    """Nobody can answer a proposer's tool call, so its fallback is asked."""
    proposer = Proposer(ScriptedChatModel(replies=CALLS_A_TOOL), fallbacks=[GOOD])
    [proposal] = create_moa(Mixture([Layer([proposer])], GOOD)).invoke(QUESTION)["proposals"]
    assert (proposal["status"], proposal["text"], proposal["attempts"]) == ("ok", "good", 2)


def test_a_tool_call_of_a_layers_aggregator_is_no_answer() -> None:
    """The next layer would read an empty reference."""
    layer = Layer([GOOD], aggregator=Aggregator(ScriptedChatModel(replies=CALLS_A_TOOL)))
    with pytest.raises(AggregatorError, match="layer_1_join"):
        create_moa(Mixture([layer, Layer([GOOD])], GOOD)).invoke(QUESTION)


def test_without_time_no_request_is_made() -> None:
    """Slots that take turns and find the deadline passed have made no attempt, and say so."""
    slow = ScriptedChatModel(delay=0.6)
    layer = Layer([Proposer(slow, samples=3)], deadline=0.3)
    with pytest.raises(QuorumError) as caught:
        create_moa(Mixture([layer], GOOD)).invoke(QUESTION, {"max_concurrency": 1})
    told = [(one["attempts"], (one["error"] or {}).get("message")) for one in caught.value.proposals]
    assert told[1:] == [(0, "no time was left")] * 2
    assert len(slow.requests) == 1


class Blocking(BaseChatModel):
    """A chat model with a synchronous side alone."""

    running: list[int] = Field(default_factory=list)
    peaks: list[int] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "blocking"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self.running.append(1)
        self.peaks.append(len(self.running))
        time.sleep(0.4)
        self.running.pop()
        return ChatResult(generations=[ChatGeneration(message=AIMessage("late"))])


@sync_and_async
def test_a_thread_that_goes_on_keeps_its_place(way: Way) -> None:
    """A blocking call cannot be cut off, so nobody else is sent to the same place before it has ended."""
    model = Blocking()
    layers = [Layer([Proposer(model, timeout=0.1, fallbacks=[GOOD]), GOOD]) for _ in range(3)]
    way(create_moa(Mixture(layers, GOOD, limits={"Blocking": 1}, on_partial="allow")))
    assert max(model.peaks) == 1
