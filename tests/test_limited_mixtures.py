"""Claims about `Mixture.limits` through real clients: what the server sees at a time, how fast, and in which order."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_openai import ChatOpenAI
from langchain_together import ChatTogether

from langgraph_moa import (
    Aggregator,
    ConfigurationError,
    Layer,
    Limit,
    Mixture,
    Proposer,
    QuorumError,
    create_moa,
)
from langgraph_moa.testing import Behaviour, RecordedRequest, ScriptedChatModel, Simulator

QUESTION = {"messages": [HumanMessage("why?")]}
END = ScriptedChatModel(replies="end")


@pytest.fixture
def provider(moa_openai_environment: Simulator) -> Simulator:
    """Give a simulated provider that takes a twentieth of a second for each answer."""
    moa_openai_environment.behaviour = Behaviour(delay=0.05)
    return moa_openai_environment


def peak(requests: Iterable[RecordedRequest]) -> int:
    """Return the most of these requests that were being answered at the same time."""
    events = [(request.arrived_at, 1) for request in requests]
    events += [(request.finished_at, -1) for request in requests if request.finished_at is not None]
    count, most = 0, 0
    for _, change in sorted(events):
        count += change
        most = max(most, count)
    return most


def named(provider: Simulator, *models: str) -> list[RecordedRequest]:
    """Return the requests for some models."""
    return [request for request in provider.requests if request.model in models]


def several(*models: Any, samples: int = 1) -> list[Proposer]:
    """Return proposers."""
    return [Proposer(model, samples=samples) for model in models]


def together(number: int) -> Behaviour:
    """Return how models answer that wait until so many of their requests are there."""
    barrier = threading.Barrier(number, timeout=10)
    return Behaviour(reply=lambda _: f"one of {number}, the last but {barrier.wait()}")


@asynccontextmanager
async def occupied(provider: Simulator, key: str, limits: dict[str, int]) -> AsyncIterator[None]:
    """Keep one place of a limit taken by a call that never ends."""
    before = len(provider.requests)
    provider.models["endless"] = Behaviour(hang=True)
    mixture = Mixture([Layer([f"{key}:endless"])], END, limits=limits)
    run = asyncio.create_task(create_moa(mixture).ainvoke(QUESTION))
    assert await asyncio.to_thread(provider.wait_for, lambda server: len(server.requests) > before)
    try:
        yield
    finally:
        run.cancel()
        await asyncio.wait([run])


def test_a_provider_s_limit_holds_in_every_layer(provider: Simulator) -> None:
    """Of 13 calls in three stages, never more than two are with the provider, and now and then there are two."""
    layer = Layer(several(*[f"openai:m{number}" for number in range(6)]))
    out = create_moa(Mixture([layer, layer], "openai:end", limits={"openai": 2})).invoke(QUESTION)
    assert len(provider.requests) == 13
    assert provider.peak_in_flight == 2
    assert {proposal["status"] for proposal in out["proposals"]} == {"ok"}


def test_other_providers_are_not_held_up(provider: Simulator) -> None:
    """A limit of one provider leaves the calls of another alone."""
    provider.models |= dict.fromkeys("cde", together(3))
    proposers = several("openai:a", "openai:b", "together:c", "together:d", "together:e")
    create_moa(Mixture([Layer(proposers)], END, limits={"openai": 1})).invoke(QUESTION)
    assert peak(named(provider, "a", "b")) == 1
    assert peak(named(provider, "c", "d", "e")) == 3


def test_a_limit_may_name_one_model(provider: Simulator) -> None:
    """Under `provider:model`, only the calls of that model wait for each other."""
    provider.models["b"] = together(3)
    proposers = several("openai:a", samples=3) + several("openai:b", samples=3)
    create_moa(Mixture([Layer(proposers)], END, limits={"openai:a": 1})).invoke(QUESTION)
    assert provider.peak_in_flight_of["a"] == 1
    assert provider.peak_in_flight_of["b"] == 3


async def test_a_limit_may_name_a_server(provider: Simulator) -> None:
    """Under its base URL, however it is spelt, a server's calls count whoever makes them: strings, objects, chains."""
    async with openai.DefaultAsyncHttpxClient() as http:
        objects: list[Any] = [kind(model="object", http_async_client=http) for kind in (ChatOpenAI, ChatTogether)]
        proposers = several("openai:a", "together:b", objects[0], objects[1].bind(stop=["x"]))
        limits = {f"{provider.url.replace('http', 'HTTP', 1)}/": 1}
        await create_moa(Mixture([Layer(proposers)], "openai:end", limits=limits)).ainvoke(QUESTION)
    assert (len(provider.requests), provider.peak_in_flight) == (5, 1)


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(lambda url: url.removesuffix("/v1"), id="server"),
        pytest.param(lambda url: url.replace("127.0.0.1", "localhost"), id="localhost"),
        pytest.param(lambda url: url.replace("127.0.0.1", "LOCALHOST").removesuffix("v1"), id="both"),
        pytest.param(lambda url: url.replace("127.0.0.1", "[::1]"), id="ipv6"),
    ],
)
def test_a_server_may_be_named_in_other_ways(provider: Simulator, spelling: Any) -> None:
    """The server without the path, and this machine by any of its names, mean the same calls."""
    limits = {spelling(provider.url): 1}
    create_moa(Mixture([Layer(several("openai:a", "together:b"))], "openai:end", limits=limits)).invoke(QUESTION)
    assert (len(provider.requests), provider.peak_in_flight) == (3, 1)


async def test_branches_that_ask_at_once_are_no_single_call(provider: Simulator) -> None:
    """A chain whose branches ask several models at once takes no place, which would be one for all of them."""
    async with openai.DefaultAsyncHttpxClient() as http:
        one, two = (ChatOpenAI(model=name, http_async_client=http) for name in "ab")
        with pytest.raises(ConfigurationError, match="A chain that asks several models at once"):
            Mixture([Layer([RunnableParallel(a=one, b=two)])], END, limits={"openai": 1})
        chains = [Proposer(RunnablePassthrough() | model | StrOutputParser(), samples=2) for model in (one, two)]
        await create_moa(Mixture([Layer(chains)], END, limits={"openai": 1})).ainvoke(QUESTION)
    assert (len(provider.requests), provider.peak_in_flight) == (4, 1)


async def test_objects_fall_under_their_provider(provider: Simulator) -> None:
    """A chat model object shares the places of the strings of its provider."""
    async with openai.DefaultAsyncHttpxClient() as http:
        model = ChatOpenAI(model="object", http_async_client=http)
        proposers = several("openai:a", "openai:b", model, samples=2)
        await create_moa(Mixture([Layer(proposers)], END, limits={"openai": 1})).ainvoke(QUESTION)
    assert (len(provider.requests), provider.peak_in_flight) == (6, 1)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_nested_mixture_shares_the_places_of_its_outer(provider: Simulator, *, compiled: bool) -> None:
    """With one place for all, a mixture within a mixture ends, since a mixture itself takes no place."""
    inner = Mixture.of(["openai:a", "openai:b"], "openai:c", name="inner")
    model = create_moa(inner) if compiled else inner
    layer = Layer([Proposer(model, samples=2), "openai:d"])
    out = create_moa(Mixture([layer, layer], Aggregator(model), limits={"openai": 1})).invoke(QUESTION)
    assert out["messages"][-1].content == "ok"
    assert len(provider.requests) == 2 * (2 * 3 + 1) + 3
    assert provider.peak_in_flight == 1


def test_the_tighter_limit_counts(provider: Simulator) -> None:
    """A nested mixture keeps its own limit where it is lower than its outer's, and the outer's where that is lower."""
    provider.models["b"] = together(3)
    tight = Mixture([Layer(several("openai:a", samples=3))], END, name="tight", limits={"openai": 1})
    wide = Mixture([Layer(several("openai:b", samples=6))], END, name="wide", limits={"openai": 6})
    create_moa(Mixture([Layer([tight])], END, limits={"openai": 3})).invoke(QUESTION)
    create_moa(Mixture([Layer([wide])], END, limits={"openai": 3})).invoke(QUESTION)
    assert provider.peak_in_flight_of["a"] == 1
    assert provider.peak_in_flight_of["b"] == 3


async def test_batch_items_share_the_places(provider: Simulator) -> None:
    """Items of one batch and two graphs that run beside each other never have more calls than are allowed."""
    one, other = (
        create_moa(Mixture([Layer(several("openai:a", "openai:b"))], "openai:c", name=name, limits={"openai": 2}))
        for name in ("one", "other")
    )
    results = await asyncio.gather(one.abatch([QUESTION] * 4), other.abatch([QUESTION] * 4))
    assert len([out for batch in results for out in batch]) == 8
    assert (len(provider.requests), provider.peak_in_flight) == (24, 2)


def test_threads_share_the_places(provider: Simulator) -> None:
    """Synchronous runs and event loops in eight threads have two places together, and each gets its own answer."""
    graph = create_moa(Mixture([Layer(several("openai:a", "openai:b"))], "openai:c", limits={"openai": 2}))
    provider.models["c"] = Behaviour(delay=0.02, reply=lambda body: body["messages"][0]["content"].partition("\n")[0])
    answers: dict[int, str] = {}

    def run(number: int) -> None:
        question = {"messages": [HumanMessage(f"number {number}")]}
        out = asyncio.run(graph.ainvoke(question)) if number % 2 else graph.invoke(question)
        answers[number] = out["messages"][-1].content

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: f"number {number}" for number in range(8)}
    assert (len(provider.requests), provider.peak_in_flight) == (24, 2)


def test_one_at_a_time_is_grouped_by_model(provider: Simulator) -> None:
    """A server that does one call at a time gets all calls of a model together, though the recipe mixes them."""
    seconds = itertools.chain([0.5], itertools.repeat(0.04))

    def answer(_: object) -> str:
        time.sleep(next(seconds))
        return "ok"

    provider.behaviour = Behaviour(reply=answer)
    mixed = [Proposer(f"openai:{'ab'[number % 2]}", name=f"p{number}") for number in range(6)]
    out = create_moa(Mixture([Layer(mixed), Layer(mixed)], "openai:a", limits={"openai": 1})).invoke(QUESTION)
    order = [request.model for request in provider.requests]
    assert provider.peak_in_flight == 1
    assert sum(one != other for one, other in itertools.pairwise(order[:6])) == 1
    assert sum(one != other for one, other in itertools.pairwise(order)) <= 4
    assert [proposal["proposer"] for proposal in out["proposals"][:6]] == [f"p{number}" for number in range(6)]


def test_requests_keep_their_pace(provider: Simulator) -> None:
    """120 requests a minute are a second's worth at once, then one every half second; the wait is recorded."""
    proposers = several("openai:paced-by-requests", samples=5)
    limits = {"openai:paced-by-requests": Limit(requests_per_minute=120)}
    out = create_moa(Mixture([Layer(proposers)], END, limits=limits)).invoke(QUESTION)
    waits = sorted(proposal["waited"] for proposal in out["proposals"])
    assert waits[1] < 0.2
    assert waits[2] >= 0.2
    assert waits[4] >= 1.0
    assert provider.requests[-1].arrived_at - provider.requests[0].arrived_at >= 0.9


@pytest.mark.parametrize("reported", [False, True])
def test_tokens_keep_their_pace(provider: Simulator, *, reported: bool) -> None:
    """Calls wait for their tokens by the estimate; what an answer reports to have used less is given back."""
    provider.behaviour = Behaviour(usage=reported)
    model = f"openai:paced-by-tokens-{reported}"
    limits = {model: Limit(tokens_per_minute=120_000)}
    mixture = Mixture([Layer([Proposer(model, max_tokens=500, samples=4)])], END, limits=limits)
    out = create_moa(mixture).invoke({"messages": [HumanMessage("abc" * 500)]})
    longest = max(proposal["waited"] for proposal in out["proposals"])
    assert longest < 0.8 if reported else longest >= 0.8


async def test_tokens_of_an_object_keep_their_pace(provider: Simulator) -> None:
    """The length of an answer that an object was built with is part of the estimate."""
    provider.behaviour = Behaviour(usage=False)
    async with openai.DefaultAsyncHttpxClient() as http:
        model = ChatOpenAI(model="paced-object", max_tokens=1000, http_async_client=http)  # type: ignore[call-arg]
        limits = {"openai:paced-object": Limit(tokens_per_minute=120_000)}
        mixture = Mixture([Layer([Proposer(model, samples=4)])], END, limits=limits)
        out = await create_moa(mixture).ainvoke(QUESTION)
    assert max(proposal["waited"] for proposal in out["proposals"]) >= 0.8


async def test_a_call_that_waits_beyond_its_time_is_never_sent(provider: Simulator) -> None:
    """A call still in the queue at its deadline is a timeout without a request, a latency, or a cost."""
    limits = {"openai": 1}
    async with occupied(provider, "openai", limits):
        late = Proposer("openai:late", timeout=0.3, fallbacks=["openai:later"])
        with pytest.raises(QuorumError) as caught:
            await create_moa(Mixture([Layer([late])], END, limits=limits)).ainvoke(QUESTION)
    [proposal] = caught.value.proposals
    assert (proposal["status"], proposal["attempts"], proposal["calls"]) == ("timeout", 0, [])
    assert proposal["latency"] is None
    assert proposal["usage"] is None
    assert 0.29 <= proposal["waited"] < 5
    assert not provider.wait_for(lambda server: len(server.requests) > 1, seconds=0.2)


async def test_a_quorum_takes_calls_out_of_the_queue(provider: Simulator) -> None:
    """When the layer goes on, what still waits for a place is cancelled and never sent, also not once there is one."""
    limits = {"openai": 1}
    async with occupied(provider, "openai", limits):
        layer = Layer(["openai:queued", "together:free"], quorum=1, grace=0.05)
        out = await create_moa(Mixture([layer], END, limits=limits)).ainvoke(QUESTION)
    queued, free = out["proposals"]
    assert (queued["status"], queued["attempts"], queued["latency"]) == ("cancelled", 0, None)
    assert free["status"] == "ok"
    assert not provider.wait_for(lambda server: any(it.model == "queued" for it in server.requests), seconds=0.2)


async def test_a_cancelled_run_leaves_the_queue(provider: Simulator) -> None:
    """Cancelling a run while its calls are queued gives nothing away: the next run gets the place."""
    limits = {"openai": 1}
    graph = create_moa(Mixture([Layer(several("openai:queued", samples=4))], END, limits=limits))
    async with occupied(provider, "openai", limits):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(graph.ainvoke(QUESTION), 0.3)
    assert not named(provider, "queued")
    await graph.ainvoke(QUESTION)
    assert len(named(provider, "queued")) == 4
    assert provider.peak_in_flight_of["queued"] == 1


def test_a_call_that_pauses_before_its_retry_gives_its_place_to_others(provider: Simulator) -> None:
    """The provider is not kept idle by a call that it has sent away for a while."""
    provider.models["busy"] = Behaviour(delay=0.1, schedule=["unavailable"], retry_after=0.6)
    proposers = several("openai:busy", "openai:free")
    out = create_moa(Mixture([Layer(proposers)], END, limits={"openai": 1})).invoke(QUESTION)
    assert sorted(request.model for request in provider.requests[:2]) == ["busy", "free"]
    assert provider.requests[2].model == "busy"
    assert provider.peak_in_flight == 1
    assert {proposal["status"] for proposal in out["proposals"]} == {"ok"}


@pytest.mark.parametrize("behaviour", [Behaviour(status=400), Behaviour(hang=True), Behaviour(faults={"malformed": 1})])
def test_a_failed_call_gives_its_place_back(provider: Simulator, behaviour: Behaviour) -> None:
    """However a call ends, the one behind it is let in."""
    provider.models["bad"] = behaviour
    bad = Proposer("openai:bad", timeout=0.3, samples=2, model_kwargs={"max_retries": 0})
    layer = Layer([bad, "openai:good"])
    out = create_moa(Mixture([layer], "openai:good", limits={"openai": 1}, on_partial="allow")).invoke(QUESTION)
    assert out["proposals"][-1]["status"] == "ok"
    assert out["messages"][-1].content == "ok"
    assert provider.peak_in_flight == 1


def test_waiting_for_a_place_is_no_latency(provider: Simulator) -> None:
    """Of three calls that take turns, the last has waited for two, and its latency is that of its own answer."""
    provider.behaviour = Behaviour(delay=0.8)
    out = create_moa(Mixture([Layer(several("openai:a", samples=3))], END, limits={"openai": 1})).invoke(QUESTION)
    first, second, third = sorted(out["proposals"], key=lambda proposal: proposal["waited"])
    assert first["waited"] < 0.4 <= second["waited"] < third["waited"]
    assert third["waited"] >= 1.2
    assert all(0.79 <= proposal["latency"] < 0.79 + third["waited"] for proposal in (first, second, third))
    summary = out["messages"][-1].response_metadata["moa"]
    assert summary["timing"]["layers"][0] >= 2.35
    assert summary["degraded"] is False


def test_a_fallback_waits_at_its_own_gate(provider: Simulator) -> None:
    """A fallback of another provider needs a place there, not one of the model that failed."""
    provider.models["bad"] = Behaviour(status=404)
    proposer = Proposer("openai:bad", samples=3, fallbacks=["together:good"])
    create_moa(Mixture([Layer([proposer])], END, limits={"openai": 3, "together": 1})).invoke(QUESTION)
    assert len(named(provider, "good")) == 3
    assert provider.peak_in_flight_of["good"] == 1


def test_a_mixture_that_a_function_calls_is_limited_too(provider: Simulator) -> None:
    """Limits reach a mixture that runs within a proposer of any kind, in whatever thread it runs."""
    inner = create_moa(Mixture.of(["openai:a", "openai:b"], "openai:c", name="inner"))

    def consult(messages: list[Any]) -> str:
        return str(inner.invoke({"messages": messages})["messages"][-1].content)

    proposers = [Proposer(RunnableLambda(consult), name=f"f{number}") for number in range(3)]
    create_moa(Mixture([Layer(proposers)], "openai:end", limits={"openai": 1})).invoke(QUESTION)
    assert (len(provider.requests), provider.peak_in_flight) == (10, 1)


async def test_a_chain_with_a_mixture_and_a_model_ends(provider: Simulator) -> None:
    """With one place for all, a chain of a mixture and a chat model of the same provider makes both calls in turn."""
    inner = create_moa(Mixture.of(["openai:a"], "openai:b", name="inner"))
    async with openai.DefaultAsyncHttpxClient() as http:
        chain = inner | (lambda state: state["messages"]) | ChatOpenAI(model="last", http_async_client=http)
        mixture = Mixture([Layer([Proposer(chain, timeout=5)])], END, limits={"openai": 1})
        out = await create_moa(mixture).ainvoke(QUESTION)
    assert out["proposals"][0]["status"] == "ok"


def test_a_model_that_cannot_be_built_is_data_under_a_limit(provider: Simulator) -> None:
    """With limits as without them, a model that cannot be built costs its own slot and no more."""
    layer = Layer(["offline:no-such-reader", "openai:a"])
    out = create_moa(Mixture([layer], END, limits={"openai": 1}, on_partial="allow")).invoke(QUESTION)
    assert [proposal["status"] for proposal in out["proposals"]] == ["error", "ok"]


def test_a_recipe_from_a_file_is_limited_as_well(provider: Simulator) -> None:
    """Limits that were written and read back hold as those that were given."""
    table = {"proposers": ["openai:a", "openai:b", "openai:c"], "aggregator": "openai:d", "limits": {"openai": 1}}
    mixture = Mixture.from_dict(Mixture.from_dict(table).to_dict())
    create_moa(mixture).invoke(QUESTION)
    assert (len(provider.requests), provider.peak_in_flight) == (4, 1)
