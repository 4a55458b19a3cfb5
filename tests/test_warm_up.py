"""Claims about `Aggregator(warm_up=...)`: what is done for the aggregator beside the last layer."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any, cast

import pytest
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import SecretStr

from langgraph_moa import Aggregator, Layer, Mixture, create_moa, waiting
from langgraph_moa.budget import Budget
from langgraph_moa.errors import AggregatorError, BudgetError, ConfigurationError
from langgraph_moa.mixture.warming import WarmUp
from langgraph_moa.recording import Tape, taping
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from langgraph_moa.usage import Price, PriceTable

QUESTION = {"messages": [("user", "How far is the moon?")]}
PRICES = PriceTable(prices={"openai:aggregator": Price(1.0, 2.0)}, date="2026-01-01", source="a test")


def model(simulator: Simulator, name: str) -> ChatOpenAI:
    """Return a chat model of a simulated provider."""
    return ChatOpenAI(model=name, base_url=simulator.url, api_key=SecretStr("any"), max_retries=0)


def warmed(simulator: Simulator, way: WarmUp | None = "prompt", **options: Any) -> Mixture:
    """Return a mixture of one layer whose aggregator is warmed up; its proposer answers once that was asked for."""
    proposers = [model(simulator, "proposer"), model(simulator, "other")]
    return Mixture.of(proposers, Aggregator(model(simulator, "aggregator"), warm_up=way), **options)


def after_warm_up(simulator: Simulator) -> Behaviour:
    """Return the behaviour of a proposer that answers when the aggregator's provider has been asked."""

    def reply(_: dict[str, Any]) -> str:
        simulator.wait_for(lambda server: any(one.body["model"] == "aggregator" for one in server.requests))
        simulator.wait_for(lambda server: not server.in_flight_of["aggregator"])
        return "far"

    return Behaviour(reply=reply)


def summary(out: dict[str, Any]) -> dict[str, Any]:
    """Return what the answer says of its run."""
    told: dict[str, Any] = out["messages"][-1].response_metadata["moa"]
    return told


def asked(simulator: Simulator, name: str) -> list[dict[str, Any]]:
    """Return the bodies of a model's requests, in order."""
    return [request.body for request in simulator.requests if request.body["model"] == name]


async def test_the_prompt_is_read_while_the_layer_is_at_work(simulator: Simulator) -> None:
    """Before any proposer has answered, the conversation is sent for one token, and it begins the real request."""
    simulator.models = {"proposer": after_warm_up(simulator), "aggregator": Behaviour(prompt_cache=True)}
    out = await create_moa(warmed(simulator)).ainvoke(QUESTION)
    first, real = asked(simulator, "aggregator")
    assert first["max_completion_tokens"] == 1
    assert "max_completion_tokens" not in real
    assert real["messages"][-1]["content"].startswith(first["messages"][-1]["content"])
    assert summary(out)["usage"]["slots"][-1]["usage"]["cached_tokens"] == 5


def test_a_synchronous_run_is_warmed_up_too(simulator: Simulator) -> None:
    """`invoke` makes the same requests, and tells the tokens of the early one under its layer."""
    simulator.models = {"proposer": after_warm_up(simulator)}
    told = summary(create_moa(warmed(simulator, prices=PRICES)).invoke(QUESTION))
    slot = next(slot for slot in told["usage"]["slots"] if slot["slot"] == "warm_up")
    assert (slot["layer"], slot["usage"]["output_tokens"]) == (1, 1)
    assert slot["cost"] == pytest.approx((5 * 1.0 + 1 * 2.0) / 1e6)
    assert told["warm_up"]["status"] == "ok"
    assert told["cost"]["total"] > slot["cost"]


async def test_a_warm_up_that_hangs_does_not_delay_the_layer(simulator: Simulator) -> None:
    """With the last slot, the early request is cancelled for real: the provider sees the client go."""
    held = asyncio.Event()

    def reply(body: dict[str, Any]) -> str:
        if "max_completion_tokens" in body:
            simulator.wait_for(lambda _: held.is_set(), seconds=5)
        return "far"

    def proposes(_: dict[str, Any]) -> str:
        simulator.wait_for(lambda server: server.in_flight_of["aggregator"] > 0)
        return "far"

    simulator.models = {"proposer": Behaviour(reply=proposes), "aggregator": Behaviour(reply=reply)}
    out = await create_moa(warmed(simulator)).ainvoke(QUESTION)
    held.set()
    told = summary(out)
    assert (told["warm_up"]["status"], told["degraded"]) == ("cancelled", False)
    assert "layer_1_warm_up" in told["usage"]["unknown"]
    assert simulator.wait_for(lambda server: any(one.disconnected for one in server.requests))


async def test_a_warm_up_that_fails_is_told_and_harms_nothing(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """A refused early request is in the summary and the log, and the answer is not degraded."""
    simulator.models = {
        "proposer": after_warm_up(simulator),
        "aggregator": Behaviour(schedule=["context_length"]),
    }
    with caplog.at_level(logging.WARNING, "langgraph_moa"):
        told = summary(await create_moa(warmed(simulator)).ainvoke(QUESTION))
    assert (told["warm_up"]["status"], told["degraded"]) == ("error", False)
    assert "not warmed up" in caplog.text


async def test_a_connection_is_opened_by_a_request_that_bills_nothing(simulator: Simulator) -> None:
    """The aggregator's provider is asked for its models, and for one answer only."""
    with Simulator(Behaviour(delay=0.2)) as own:
        proposer = model(own, "proposer")
        mixture = Mixture.of([proposer], Aggregator(model(simulator, "aggregator"), warm_up="connection"))
        told = summary(await create_moa(mixture).ainvoke(QUESTION))
    assert told["warm_up"]["status"] == "ok"
    assert len(asked(simulator, "aggregator")) == 1
    assert [slot["slot"] for slot in told["usage"]["slots"]] == ["proposer", "aggregator"]


@pytest.mark.parametrize("places", [None, 2])
def test_nothing_is_kept_of_a_layer_that_has_ended(simulator: Simulator, places: int | None) -> None:
    """What the slots and the early request share is let go with the last of them, whoever ends last."""
    graph = create_moa(warmed(simulator))
    graph.invoke(QUESTION, {} if places is None else {"max_concurrency": places})
    run = vars(graph.nodes["aggregator"].bound)["_run"]
    assert not [key for key in waiting._latches if str(id(run)) in key]


async def test_a_run_that_failed_behind_the_layer_is_resumed_without_a_second_early_request(
    simulator: Simulator,
) -> None:
    """An aggregator that fails and is asked again reads its prompt early once in all."""
    simulator.models = {"proposer": after_warm_up(simulator)}
    graph = create_moa(warmed(simulator), checkpointer=InMemorySaver(), interrupt_after=["layer_1_join"])
    thread: Any = {"configurable": {"thread_id": "1"}}
    await graph.ainvoke(QUESTION, thread)
    simulator.models["aggregator"] = Behaviour(schedule=["context_length"])
    with pytest.raises(AggregatorError):
        await graph.ainvoke(None, thread)
    assert summary(await graph.ainvoke(None, thread))["warm_up"]["status"] == "ok"
    assert ["max_completion_tokens" in request for request in asked(simulator, "aggregator")] == [True, False, False]


async def test_nothing_is_warmed_up_unless_it_is_asked_for(simulator: Simulator) -> None:
    """Without `warm_up` there is no node, no channel and no request of it."""
    graph = create_moa(warmed(simulator, None))
    out = await graph.ainvoke(QUESTION)
    assert not [name for name in (*graph.nodes, *graph.channels) if "warm_up" in name]
    assert "warm_up" not in summary(out)
    assert len(asked(simulator, "aggregator")) == 1


async def test_a_run_that_stopped_behind_the_layer_does_not_warm_up_again(simulator: Simulator) -> None:
    """A resumed run has the record of the early request in its checkpoint, and makes no second one."""
    simulator.models = {"proposer": after_warm_up(simulator)}
    graph = create_moa(warmed(simulator), checkpointer=InMemorySaver(), interrupt_before=["aggregator"])
    thread: Any = {"configurable": {"thread_id": "1"}}
    await graph.ainvoke(QUESTION, thread)
    assert len(asked(simulator, "aggregator")) == 1
    told = summary(await graph.ainvoke(None, thread))
    assert len(asked(simulator, "aggregator")) == 2
    assert told["warm_up"]["status"] == "ok"


async def test_a_second_turn_tells_of_its_own_warm_up_alone(simulator: Simulator) -> None:
    """The channel between node and join is empty in a later turn of the thread."""
    simulator.models = {"proposer": after_warm_up(simulator)}
    graph = create_moa(warmed(simulator), checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    for _ in range(2):
        told = summary(await graph.ainvoke(QUESTION, thread))
    assert [slot["slot"] for slot in told["usage"]["slots"]].count("warm_up") == 1


async def test_no_slot_waits_for_a_place_that_the_warm_up_takes(simulator: Simulator) -> None:
    """With no place to spare under `max_concurrency`, the aggregator is not warmed up, and that is told."""
    graph = create_moa(warmed(simulator))
    told = summary(await graph.ainvoke(QUESTION, {"max_concurrency": 2}))
    assert told["warm_up"]["status"] == "skipped"
    assert "max_concurrency" in told["warm_up"]["reason"]
    assert len(asked(simulator, "aggregator")) == 1


def test_the_plan_holds_the_early_request(simulator: Simulator) -> None:
    """`plan` counts one call more, for one token."""
    with_it, without = (warmed(simulator, way).plan([HumanMessage("q")]) for way in ("prompt", None))
    (call,) = (call for call in with_it.slots if call.slot == "warm_up")
    assert len(with_it.slots) == len(without.slots) + 1
    assert (call.layer, call.output_tokens) == (1, 1)


async def test_a_budget_counts_the_early_request_before_it_is_made(simulator: Simulator) -> None:
    """What a budget needs for the plan is more by the conversation and one token, and nobody was asked."""
    needed: dict[WarmUp | None, float] = {}
    ways: tuple[WarmUp | None, ...] = ("prompt", None)
    for way in ways:
        budget = Budget(max_tokens=1, answer_tokens=10, on_exceeded="raise")
        with pytest.raises(BudgetError) as refused:
            await create_moa(warmed(simulator, way, budget=budget)).ainvoke(QUESTION)
        needed[way] = refused.value.needed
    assert needed["prompt"] - needed[None] > 1
    assert not simulator.requests


async def test_a_tape_holds_the_early_request(simulator: Simulator, tmp_path: Path) -> None:
    """A recorded run is replayed with its warm-up, and nobody is asked."""
    simulator.models = {"proposer": after_warm_up(simulator)}
    graph = create_moa(warmed(simulator))
    path = tmp_path / "run.jsonl"
    with taping(Tape.open(path, mode="record")):
        first = await graph.ainvoke(QUESTION)
    made = len(simulator.requests)
    with taping(Tape.open(path, mode="replay")):
        second = await graph.ainvoke(QUESTION)
    assert len(simulator.requests) == made
    assert summary(second)["warm_up"] == summary(first)["warm_up"]
    assert summary(second)["warm_up"]["status"] == "ok"


def test_a_strategy_that_asks_no_model_is_not_warmed_up(simulator: Simulator) -> None:
    """No node is drawn for a vote."""
    voted = Mixture.of([model(simulator, "a"), model(simulator, "b")], Aggregator(strategy="vote", warm_up="prompt"))
    assert not [name for name in create_moa(voted).nodes if "warm_up" in name]


@pytest.mark.parametrize(
    ("aggregator", "said"),
    [
        (lambda: Aggregator(ScriptedChatModel(replies=["a"]), warm_up="connection"), "OpenAI SDK"),
        (lambda: Aggregator("anthropic:claude-x", warm_up="connection"), "OpenAI SDK"),
        (lambda: Aggregator("openai:gpt-x", warm_up=cast("Any", "twice")), "warm_up"),
        (lambda: Aggregator(Mixture.of(["openai:gpt-x"], "openai:gpt-x"), warm_up="prompt"), "is none"),
        (lambda: Layer(["openai:gpt-x"], aggregator=Aggregator("openai:gpt-x", warm_up="prompt")), "Layer.aggregator"),
        (
            lambda: create_moa(
                Mixture.of(["openai:gpt-x"], Aggregator("openai:gpt-x", warm_up="prompt"), reference_placement="system")
            ),
            "reference_placement",
        ),
    ],
)
def test_what_cannot_be_warmed_up_is_refused(aggregator: Any, said: str) -> None:
    """The error names what is allowed before any call is made."""
    with pytest.raises(ConfigurationError, match=said):
        aggregator()


def test_it_is_written_and_read() -> None:
    """`to_dict` holds it, and `from_dict` gives an equal mixture back."""
    mixture = Mixture.of(["openai:gpt-x"], Aggregator("openai:gpt-x", warm_up="connection"))
    assert Mixture.from_dict(mixture.to_dict()) == mixture
    assert mixture.to_dict()["aggregator"]["warm_up"] == "connection"
