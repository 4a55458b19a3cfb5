"""Claims about tools: the aggregator acts, proposers advise, and no provider is sent a history that it refuses."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_moa import (
    Aggregator,
    AggregatorError,
    ChatMoA,
    ConfigurationError,
    Layer,
    Mixture,
    MoAMiddleware,
    Proposer,
    create_moa,
)
from langgraph_moa.answering import Fanout
from langgraph_moa.prompts import BRIDGE, Placement, split_references
from langgraph_moa.testing import Behaviour, RecordedRequest, ScriptedChatModel, Simulator, ToolCall
from langgraph_moa.testing.strictness import Provider

Agent = Any
STRICT: tuple[Provider, ...] = ("openai", "anthropic", "mistral")
QUESTION = {"messages": [HumanMessage("What is 1 + 2?")]}
HISTORY: list[AnyMessage] = [
    SystemMessage("Be exact."),
    HumanMessage("What is 1 + 2?"),
    AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1, "b": 2}, "id": "call_0001"}]),
    ToolMessage("3", tool_call_id="call_0001"),
]


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def calls(*numbers: int) -> AIMessage:
    """Return a message that calls the tool once for each number."""
    return AIMessage(
        "", tool_calls=[{"name": "add", "args": {"a": number, "b": 1}, "id": f"call_{number:04}"} for number in numbers]
    )


def panel(*replies: Any) -> tuple[Mixture, ScriptedChatModel, ScriptedChatModel]:
    """Return a mixture of two draws of one proposer, the proposer, and the aggregator that gives these replies."""
    proposer, aggregator = ScriptedChatModel(replies="advice"), ScriptedChatModel(replies=list(replies))
    return Mixture.of([Proposer(proposer, samples=2)], aggregator), proposer, aggregator


def run(agent: Agent, question: Any = QUESTION, *, asynchronous: bool = False) -> dict[str, Any]:
    """Return what an agent gives."""
    output: dict[str, Any] = asyncio.run(agent.ainvoke(question)) if asynchronous else agent.invoke(question)
    return output


both = pytest.mark.parametrize("asynchronous", [False, True], ids=["invoke", "ainvoke"])


@both
def test_one_fan_out_for_a_turn_of_the_user(asynchronous: bool) -> None:  # noqa: FBT001
    """A loop of three tool calls asks each proposer once, and a second turn of the user once more."""
    mixture, proposer, aggregator = panel(calls(1), calls(2), calls(3), "done", "again")
    agent = create_agent(ChatMoA(mixture=mixture), tools=[add])
    out = run(agent, asynchronous=asynchronous)
    assert (len(proposer.requests), len(aggregator.requests)) == (2, 4)
    assert out["messages"][-1].text == "done"
    run(agent, {"messages": [*out["messages"], HumanMessage("and 5 + 5?")]}, asynchronous=asynchronous)
    assert (len(proposer.requests), len(aggregator.requests)) == (4, 5)


@both
def test_every_call_may_ask_the_proposers(asynchronous: bool) -> None:  # noqa: FBT001
    """With `fanout="every_call"`, proposers are asked in each step, and see the results so far as text."""
    mixture, proposer, aggregator = panel(calls(1), "done")
    run(create_agent(ChatMoA(mixture=mixture, fanout="every_call"), tools=[add]), asynchronous=asynchronous)
    assert (len(proposer.requests), len(aggregator.requests)) == (4, 2)
    assert "2" in proposer.requests[-1][-1].text
    assert not any(isinstance(message, ToolMessage) for request in proposer.requests for message in request)


def test_references_stand_where_they_stood() -> None:
    """In the steps of a turn the aggregator's request grows at its end alone, so that a prompt cache serves it."""
    mixture, _, aggregator = panel(calls(1), calls(2), "done")
    run(create_agent(ChatMoA(mixture=mixture), tools=[add]))
    requests = [[message.model_copy(update={"id": None}) for message in request] for request in aggregator.requests]
    for earlier, later in itertools.pairwise(requests):
        assert later[: len(earlier)] == earlier
    assert {split_references(request).references for request in aggregator.requests} == {("advice", "advice")}


@both
def test_every_step_of_a_turn_tells_who_is_missing(asynchronous: bool) -> None:  # noqa: FBT001
    """The last answer of a loop says, as its first step did, who is missing, and counts its own call alone."""
    broken, good = ScriptedChatModel(replies=ValueError("down")), ScriptedChatModel(replies="advice")
    proposers = [Proposer(broken, name="broken"), Proposer(good, name="good")]
    mixture = Mixture.of(proposers, ScriptedChatModel(replies=[calls(1), "done"]))
    out = run(create_agent(ChatMoA(mixture=mixture), tools=[add]), asynchronous=asynchronous)
    first, last = (out["messages"][place].response_metadata["moa"] for place in (1, 3))
    for name in ("degraded", "ok", "planned", "missing", "depth"):
        assert last[name] == first[name]
    assert (last["degraded"], last["ok"], last["planned"]) == (True, 1, 2)
    assert [slot["slot"] for slot in last["usage"]["slots"]] == ["aggregator"]


def test_only_the_aggregator_has_tools() -> None:
    """The aggregator is given the tools; proposers get none, and are told that they cannot act."""
    mixture, proposer, aggregator = panel("done")
    run(create_agent(ChatMoA(mixture=mixture), tools=[add]))
    [given] = aggregator.options
    assert [entry["function"]["name"] for entry in given["tools"]] == ["add"]
    assert all("tools" not in options for options in proposer.options)
    note = proposer.requests[0][0]
    assert isinstance(note, SystemMessage)
    assert "cannot act" in note.text
    assert "add: Add two numbers." in note.text


def test_without_tools_nobody_is_told_of_any() -> None:
    """In a conversation that has nothing to do with tools, a proposer is sent the conversation and nothing else."""
    mixture, proposer, aggregator = panel("done")
    ChatMoA(mixture=mixture).invoke("Hello")
    assert [message.content for message in proposer.requests[0]] == ["Hello"]
    assert "tool" not in aggregator.requests[0][-1].text


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("placement", ["tail", "system"])
@both
def test_strict_providers_take_every_request(asynchronous: bool, placement: Placement, depth: int) -> None:  # noqa: FBT001
    """An agent's loop passes a provider that judges every request as OpenAI, Anthropic and Mistral do."""
    step = Behaviour(strict=STRICT, tool_calls=[ToolCall(name="add", arguments={"a": 1, "b": 2})], reply="done")
    with Simulator(Behaviour(strict=STRICT, reply="advice"), models={"actor": step}) as simulator:
        mixture = strict_panel(simulator, depth, placement)
        agent = create_agent(ChatMoA(mixture=mixture), tools=[add], system_prompt="Be exact.")
        out = run(agent, asynchronous=asynchronous)
        out = run(agent, {"messages": [*out["messages"], HumanMessage("Again!")]}, asynchronous=asynchronous)
        assert out["messages"][-1].text == "done"
        assert {request.status for request in simulator.requests} == {200}
        assert not any(request.body.get("tools") for request in simulator.requests if request.model != "actor")


@pytest.mark.parametrize("fanout", ["user_turn", "every_call"])
@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("placement", ["tail", "system"])
def test_strict_providers_take_advice_behind_results(placement: Placement, depth: int, fanout: Fanout) -> None:
    """Proposers that are asked in the middle of a loop leave every request one that each strict provider takes."""
    with Simulator(Behaviour(strict=STRICT)) as simulator:
        model = ChatMoA(mixture=strict_panel(simulator, depth, placement), fanout=fanout).bind_tools([add])
        model.invoke(HISTORY)
        assert [request.status for request in simulator.requests] == [200] * (2 * depth - 1)


@both
def test_strict_providers_take_what_a_middleware_sends(asynchronous: bool) -> None:  # noqa: FBT001
    """The same holds for an agent that is advised by a middleware."""
    step = Behaviour(strict=STRICT, tool_calls=[ToolCall(name="add", arguments={"a": 1, "b": 2})], reply="done")
    with Simulator(Behaviour(strict=STRICT, reply="advice"), models={"actor": step}) as simulator:
        mixture = Mixture.of([Proposer(model_at(simulator, "a"))], "openai:unused")
        model = model_at(simulator, "actor")
        agent = create_agent(model, tools=[add], middleware=[MoAMiddleware(mixture)], system_prompt="Be exact.")
        run(agent, asynchronous=asynchronous)
        assert [request.status for request in simulator.requests] == [200] * 3
        assert [request.model for request in simulator.requests] == ["a", "actor", "actor"]


@pytest.mark.parametrize(
    ("history", "what"),
    [
        pytest.param(HISTORY, "results at the end", id="results at the end"),
        pytest.param([*HISTORY, HumanMessage("And now?")], "a user behind results", id="a user behind results"),
        pytest.param([HumanMessage("q"), *HISTORY[3:], HumanMessage("go on")], "an orphan", id="an orphan"),
        pytest.param([*HISTORY[:3], HumanMessage("never mind")], "an abandoned call", id="an abandoned call"),
    ],
)
@pytest.mark.parametrize("has_tools", [False, True], ids=["without tools", "with tools"])
def test_odd_histories_are_sent_as_valid_ones(history: list[AnyMessage], what: str, has_tools: bool) -> None:  # noqa: FBT001
    """Whatever an application has left of a tool loop, each request is one that every strict provider takes."""
    with Simulator(Behaviour(strict=STRICT)) as simulator:
        mixture = Mixture([Layer([model_at(simulator, "a")])] * 2, model_at(simulator, "actor"))
        model = ChatMoA(mixture=mixture)
        (model.bind_tools([add]) if has_tools else model).invoke(history)
        assert {request.status for request in simulator.requests} == {200}, what
        actor = requests_to(simulator, "actor")[0]
        assert has_tools or all(message["role"] != "tool" for message in actor.body["messages"])


def test_references_follow_results_as_a_message_of_their_own() -> None:
    """Where the last message is a tool's result, an actor reads the results as they are, and the references behind."""
    aggregator = ScriptedChatModel()
    mixture = Mixture.of([ScriptedChatModel(replies="advice")], aggregator)
    ChatMoA(mixture=mixture).bind_tools([add]).invoke(HISTORY)
    [request] = aggregator.requests
    assert [message.content for message in request[:4]] == [message.content for message in HISTORY]
    assert [message.type for message in request[4:]] == ["ai", "human"]
    assert request[4].content == BRIDGE
    assert split_references(request).references == ("advice",)


def test_a_call_without_result_is_refused_before_any_call() -> None:
    """A conversation that ends in a call of a tool costs nothing, and the error names the call."""
    mixture, proposer, aggregator = panel("never")
    with pytest.raises(ConfigurationError, match=r"add.*call_0001"):
        ChatMoA(mixture=mixture).bind_tools([add]).invoke(HISTORY[:3])
    assert proposer.requests == aggregator.requests == []


@both
def test_a_tool_that_the_provider_rejects(simulator: Simulator, asynchronous: bool) -> None:  # noqa: FBT001
    """A schema that a provider refuses is an `AggregatorError` with the provider's reason and what was paid for."""
    wrong = {"type": "function", "function": {"name": "no such name!", "parameters": {"type": "object"}}}
    with Simulator(Behaviour(strict="openai", reply="advice")) as provider:
        mixture = Mixture.of([Proposer(model_at(provider, "a"), name="a")], model_at(provider, "actor"))
        model = ChatMoA(mixture=mixture).bind_tools([wrong])
        with pytest.raises(AggregatorError, match="name") as caught:
            asyncio.run(model.ainvoke("q")) if asynchronous else model.invoke("q")
        assert [proposal["text"] for proposal in caught.value.proposals] == ["advice"]
        assert [request.status for request in requests_to(provider, "actor")] == [400]


def test_a_proposer_that_calls_tools_it_has_not() -> None:
    """A proposer's answer that is nothing but a call is no answer; the aggregator never sees it."""
    eager, other = ScriptedChatModel(replies=calls(1)), ScriptedChatModel(replies="advice")
    aggregator = ScriptedChatModel()
    mixture = Mixture.of([Proposer(eager, name="eager"), Proposer(other, name="other")], aggregator)
    out = create_moa(mixture).invoke(QUESTION)
    first, second = out["proposals"]
    assert (first["status"], first["error"]["kind"], second["status"]) == ("empty", "ToolCalls", "ok")
    assert "add" in first["error"]["message"]
    assert split_references(aggregator.requests[0]).references == ("advice",)
    assert "call_0001" not in str(aggregator.requests)


def test_agents_propose_with_tools_of_their_own() -> None:
    """A proposer that is an agent calls its own tools, and is not told that it cannot act."""
    inner = ScriptedChatModel(replies=[calls(1), "I have added them: 2"])
    agent = create_agent(inner, tools=[add])
    aggregator = ScriptedChatModel(replies=[calls(5), "done"])
    mixture = Mixture.of([Proposer(agent, name="agent")], aggregator)
    out = run(create_agent(ChatMoA(mixture=mixture), tools=[add]))
    assert out["messages"][-1].text == "done"
    assert len(inner.requests) == 2
    assert "cannot act" not in str(inner.requests)
    assert split_references(aggregator.requests[0]).references == ("I have added them: 2",)


def test_an_aggregator_that_is_no_chat_model_takes_no_tools() -> None:
    """Tools for an aggregator that cannot be given any are an error that says so, and are not lost."""
    agent = create_agent(ScriptedChatModel(), tools=[])
    mixture = Mixture.of([ScriptedChatModel()], Aggregator(agent))
    with pytest.raises(AggregatorError, match="only be given to a chat model"):
        ChatMoA(mixture=mixture).bind_tools([add]).invoke("q")


def strict_panel(simulator: Simulator, depth: int, placement: Placement) -> Mixture:
    """Return a mixture of two proposers a layer, all of them simulated."""
    proposers = [Proposer(model_at(simulator, name)) for name in ("a", "b")]
    return Mixture.of(proposers, model_at(simulator, "actor"), depth=depth, reference_placement=placement)


def model_at(simulator: Simulator, name: str) -> ChatOpenAI:
    """Return the real client of a simulated model."""
    return ChatOpenAI(model=name, base_url=simulator.url, api_key=SecretStr("simulated"))


def requests_to(simulator: Simulator, name: str) -> list[RecordedRequest]:
    """Return what a model was sent."""
    return [request for request in simulator.requests if request.model == name]


def test_an_aggregator_that_cannot_call_tools() -> None:
    """A chat model without tools of any kind is named in the error, with what to do."""
    with pytest.raises(AggregatorError, match="offline:agreement cannot call tools: name an aggregator that can"):
        ChatMoA(model="offline").bind_tools([add]).invoke("What is a quorum?")
