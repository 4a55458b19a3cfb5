"""Claims about `MoAMiddleware`: an agent of its own model, advised by a mixture's proposers."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_moa import (
    Aggregator,
    Budget,
    ConfigurationError,
    Layer,
    Mixture,
    MoAMiddleware,
    PriceTable,
    Proposer,
    QuorumError,
)
from langgraph_moa.answering import ADVICE, Fanout
from langgraph_moa.prompts import Placement, split_references
from langgraph_moa.testing import ScriptedChatModel
from langgraph_moa.usage import Price

QUESTION = {"messages": [HumanMessage("What is 1 + 2?")]}
CALL = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1, "b": 2}, "id": "call_0001"}])
both = pytest.mark.parametrize("asynchronous", [False, True], ids=["invoke", "ainvoke"])


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def advised(
    actor: ScriptedChatModel, *proposers: ScriptedChatModel, placement: Placement = "tail", **options: Any
) -> Any:
    """Return an agent of a model that is advised by others."""
    mixture = Mixture.of(list(proposers), "openai:never-asked", name="panel", reference_placement=placement)
    return create_agent(actor, tools=[add], middleware=[MoAMiddleware(mixture, **options)], system_prompt="Be exact.")


def run(agent: Any, question: Any = QUESTION, config: Any = None, *, asynchronous: bool) -> dict[str, Any]:
    """Return what an agent gives."""
    output: dict[str, Any] = (
        asyncio.run(agent.ainvoke(question, config)) if asynchronous else agent.invoke(question, config)
    )
    return output


@both
@pytest.mark.parametrize("placement", ["tail", "system"])
def test_the_model_reads_what_the_proposers_say(asynchronous: bool, placement: Placement) -> None:  # noqa: FBT001
    """In each step the agent's model reads the same references, in one place, and the state holds none of them."""
    actor = ScriptedChatModel(replies=[CALL, "three"])
    agent = advised(actor, ScriptedChatModel(replies="x"), ScriptedChatModel(replies="y"), placement=placement)
    out = run(agent, asynchronous=asynchronous)
    assert [split_references(request).references for request in actor.requests] == [("x", "y")] * 2
    first, second = ([message.text for message in request] for request in actor.requests)
    assert second[: len(first)] == first
    assert first[0].startswith("Be exact.")
    assert [message.text for message in out["messages"]] == ["What is 1 + 2?", "", "3", "three"]


@both
@pytest.mark.parametrize(("fanout", "asked"), [("user_turn", 2), ("every_call", 4)])
def test_how_often_proposers_are_asked(asynchronous: bool, fanout: Fanout, asked: int) -> None:  # noqa: FBT001
    """Proposers are asked once in a turn of the user, or before every call of the model."""
    proposer, actor = ScriptedChatModel(replies="advice"), ScriptedChatModel(replies=[CALL, "three", CALL, "again"])
    agent = advised(actor, proposer, fanout=fanout)
    out = run(agent, asynchronous=asynchronous)
    run(agent, {"messages": [*out["messages"], HumanMessage("Again!")]}, asynchronous=asynchronous)
    assert len(proposer.requests) == asked


@both
def test_a_budget_covers_the_advice_alone(asynchronous: bool) -> None:  # noqa: FBT001
    """The mixture's own aggregator, which is not asked, needs no price and takes nothing of its budget."""
    proposer = Proposer(ScriptedChatModel(model_name="a", replies="advice"), max_tokens=20)
    prices = PriceTable(prices={"scriptedchatmodel:a": Price(1.0, 1.0)}, date="2026-01-31", source="by hand")
    budget = Budget(max_cost=1.0, max_tokens=500)
    unknown = Aggregator("openai:never-asked", max_tokens=10**6)
    mixture = Mixture.of([proposer], unknown, prices=prices, budget=budget)
    agent = create_agent(ScriptedChatModel(replies="three"), middleware=[MoAMiddleware(mixture)])
    assert run(agent, asynchronous=asynchronous)["messages"][-1].text == "three"


def test_a_turn_goes_on_after_a_restart() -> None:
    """What was advised is kept with the agent's messages: another process goes on without asking the proposers."""
    saver, config = InMemorySaver(), {"configurable": {"thread_id": "1"}}
    proposer = ScriptedChatModel(replies="advice")
    mixture = Mixture.of([proposer], "openai:never-asked", name="panel")

    def agent(actor: ScriptedChatModel, before: list[str]) -> Any:
        advisers = [MoAMiddleware(mixture)]
        return create_agent(actor, tools=[add], middleware=advisers, checkpointer=saver, interrupt_before=before)

    agent(ScriptedChatModel(replies=CALL), ["tools"]).invoke(QUESTION, config)
    second = ScriptedChatModel(replies="three")
    out = agent(second, []).invoke(None, config)
    assert (len(proposer.requests), out["messages"][-1].text) == (1, "three")
    assert split_references(second.requests[0]).references == ("advice",)


def test_the_message_says_what_was_advised() -> None:
    """The model's first message of a turn holds the summary of the layers' run; every call is counted once."""
    usage = UsageMetadata(input_tokens=5, output_tokens=2, total_tokens=7)
    actor = ScriptedChatModel(model_name="actor", replies=[CALL, "three"], usage=usage)
    agent = advised(actor, ScriptedChatModel(model_name="adviser", replies="advice", usage=usage))
    with get_usage_metadata_callback() as counted:
        out = run(agent, asynchronous=False)
    advice = out["messages"][1].response_metadata[ADVICE]["panel"]
    assert (advice["mixture"], advice["ok"], advice["references"]) == ("panel", 1, ["advice"])
    assert advice["usage"]["total"]["total_tokens"] == 7
    assert ADVICE not in out["messages"][3].response_metadata
    assert {name: one["total_tokens"] for name, one in counted.usage_metadata.items()} == {"adviser": 7, "actor": 14}


def test_another_mixture_asks_for_itself() -> None:
    """Two mixtures that advise one agent are asked once each, and every step reads both."""
    first, second = ScriptedChatModel(replies="one"), ScriptedChatModel(replies="two")
    actor = ScriptedChatModel(replies=[CALL, "three"])
    mixtures = [Mixture.of([model], "openai:never-asked", name=name) for name, model in (("m", first), ("n", second))]
    advisers = [MoAMiddleware(mixture) for mixture in mixtures]
    run(create_agent(actor, tools=[add], middleware=advisers), asynchronous=False)
    assert (len(first.requests), len(second.requests)) == (1, 1)
    assert [("one" in str(request), "two" in str(request)) for request in actor.requests] == [(True, True)] * 2


def test_a_summary_in_front_keeps_the_advice() -> None:
    """What was advised is noted in every step that calls a tool: a middleware may take the first of them away."""
    proposer = ScriptedChatModel(replies="advice")
    actor = ScriptedChatModel(replies=[CALL, CALL, CALL, "three"])

    class Forgetting(AgentMiddleware[Any, Any, Any]):
        """Shows the model what the user said, and the last step."""

        def wrap_model_call(self, request: Any, handler: Any) -> Any:
            first, *steps = request.messages
            return handler(request.override(messages=[first, *steps[-2:]]))

    advisers = [Forgetting(), MoAMiddleware(Mixture.of([proposer], "openai:never-asked"))]
    run(create_agent(actor, tools=[add], middleware=advisers), asynchronous=False)
    assert (len(proposer.requests), len(actor.requests)) == (1, 4)


@both
def test_too_few_proposers(asynchronous: bool, caplog: pytest.LogCaptureFixture) -> None:  # noqa: FBT001
    """Below the quorum the agent stops with what was said, or goes on without advice where it is told to, and warns."""
    broken, actor = ScriptedChatModel(replies=ValueError("down")), ScriptedChatModel(replies="alone")
    with pytest.raises(QuorumError) as caught:
        run(advised(actor, broken), asynchronous=asynchronous)
    assert [proposal["status"] for proposal in caught.value.proposals] == ["error"]
    assert actor.requests == []
    with caplog.at_level(logging.WARNING):
        out = run(advised(actor, broken, on_failure="unadvised"), asynchronous=asynchronous)
    assert out["messages"][-1].text == "alone"
    assert "without advice" in caplog.text
    asked = len(broken.requests)
    run(advised(ScriptedChatModel(replies=[CALL, "alone"]), broken, on_failure="unadvised"), asynchronous=asynchronous)
    assert len(broken.requests) == asked + 1


def test_proposers_are_told_of_the_agents_tools() -> None:
    """A proposer gets no tools, and a note that names those of the agent."""
    proposer = ScriptedChatModel(replies="advice")
    run(advised(ScriptedChatModel(replies="three"), proposer), asynchronous=False)
    assert "add: Add two numbers." in proposer.requests[0][0].text
    assert "tools" not in proposer.options[0]


@pytest.mark.parametrize("option", ["fanout", "on_failure"])
def test_wrong_options(option: str) -> None:
    """An option that means nothing is refused with the words that do."""
    with pytest.raises(ConfigurationError, match=f"MoAMiddleware.{option} must be one of"):
        MoAMiddleware(Mixture.of(["openai:a"], "openai:b"), **{option: "often"})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="Mixture"):
        MoAMiddleware("openai:a")  # type: ignore[arg-type]


def test_required_proposers_and_layers_count_as_ever() -> None:
    """Two layers advise as two layers: the second reads the first, and the agent reads the second."""
    first, second = ScriptedChatModel(replies="first"), ScriptedChatModel(replies="second")
    actor = ScriptedChatModel(replies="three")
    mixture = Mixture([Layer([Proposer(first)]), Layer([Proposer(second)])], "openai:never-asked")
    run(create_agent(actor, tools=[add], middleware=[MoAMiddleware(mixture)]), asynchronous=False)
    assert split_references(second.requests[0]).references == ("first",)
    assert split_references(actor.requests[0]).references == ("second",)
