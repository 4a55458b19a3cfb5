"""Claims about retries through the providers' real clients over loopback: how many requests, when, and what is kept."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from langchain_core.messages import HumanMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from langchain_together import ChatTogether

from langgraph_moa import Aggregator, AggregatorError, Mixture, Proposer, QuorumError, create_moa, retrying
from langgraph_moa.attempts import Terms
from langgraph_moa.calling import SeatCaller
from langgraph_moa.proposal import Place, Proposal
from langgraph_moa.providers import PROVIDERS, Provider
from langgraph_moa.testing import Behaviour, Fault, ScriptedChatModel, Simulator

QUESTION = {"messages": [HumanMessage("why?")]}
LASTING = [400, 401, 402, 403, 404, 405, 410, 413, 422]
PASSING = [408, 409, 425, 429, 500, 502, 503, 504, 529]
BREAKS: list[Fault] = ["rate_limit", "server_error", "bad_gateway", "unavailable", "disconnect", "malformed"]
KINDS: list[Any] = [ChatOpenAI, ChatTogether]


@pytest.fixture
def provider(moa_openai_environment: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Give a simulated provider, and pauses of hundredths of a second where it names none."""
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.01)
    return moa_openai_environment


@pytest.fixture
async def http() -> AsyncIterator[Any]:
    """Give an HTTP client that is closed before its loop is."""
    async with openai.DefaultAsyncHttpxClient() as client:
        yield client


def one(model: Any, **options: Any) -> Mixture:
    """Return a mixture that asks one model, and another one, which always answers, for the end."""
    return Mixture.of([Proposer(model, name="asked", **options)], ScriptedChatModel(replies="end"))


def proposal_of(mixture: Mixture) -> Proposal:
    """Return what became of the only proposer, whether the run went well or not."""
    try:
        out = create_moa(mixture).invoke(QUESTION)
    except QuorumError as error:
        return error.proposals[0]  # type: ignore[return-value]
    found: Proposal = out["proposals"][0]
    return found


async def proposal_here(mixture: Mixture) -> Proposal:
    """Return the same, from a run in the loop of the test."""
    try:
        out = await create_moa(mixture).ainvoke(QUESTION)
    except QuorumError as error:
        return error.proposals[0]  # type: ignore[return-value]
    found: Proposal = out["proposals"][0]
    return found


@pytest.mark.parametrize("name", ["openai:m", "together:m"])
@pytest.mark.parametrize(("options", "requests"), [({}, 3), ({"max_retries": 0}, 1), ({"max_retries": 5}, 6)])
def test_a_string_is_asked_as_often_as_it_says(
    provider: Simulator, name: str, options: dict[str, int], requests: int
) -> None:
    """A 503 for ever takes a first request and the retries that are set, two by default, and every one is recorded."""
    provider.behaviour = Behaviour(status=503, retry_after=0.0, reply="overloaded")
    proposal = proposal_of(one(name, model_kwargs=options))
    assert len(provider.requests) == requests == proposal["attempts"] == len(proposal["calls"])
    assert proposal["status"] == "error"
    assert proposal["usage"] is None
    assert [call["error"] for call in proposal["calls"]] == [proposal["error"]] * requests


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("options", "requests"), [({}, 3), ({"max_retries": 0}, 1), ({"max_retries": 5}, 6)])
async def test_an_object_is_asked_as_often_as_it_says(
    provider: Simulator, http: Any, kind: Any, options: dict[str, int], requests: int
) -> None:
    """Retries of the object and of the mixture never multiply, and the object still retries when it is used alone."""
    provider.behaviour = Behaviour(status=503, retry_after=0.01)
    model = kind(model="m", http_async_client=http, **options)
    proposal = await proposal_here(one(model, temperature=0.5))
    assert len(provider.requests) == requests == proposal["attempts"]
    provider.reset()
    with pytest.raises(openai.InternalServerError):
        await model.ainvoke("q")
    assert len(provider.requests) == requests


@pytest.mark.parametrize("status", LASTING)
def test_what_lasts_is_asked_once(provider: Simulator, status: int) -> None:
    """A refusal that stays the same takes one request, though the provider asks to come back."""
    provider.behaviour = Behaviour(status=status, retry_after=0.0)
    proposal = proposal_of(one("openai:m"))
    assert (len(provider.requests), proposal["status"], proposal["attempts"]) == (1, "error", 1)
    assert proposal["waited"] < 0.05


@pytest.mark.parametrize("status", PASSING)
def test_what_passes_is_asked_again(provider: Simulator, status: int) -> None:
    """A refusal that may pass takes all the retries."""
    provider.behaviour = Behaviour(status=status, retry_after=0.0)
    assert proposal_of(one("openai:m"))["attempts"] == len(provider.requests) == 3


@pytest.mark.parametrize("fault", BREAKS)
@pytest.mark.parametrize("role", ["proposer", "aggregator", "streaming aggregator"])
def test_a_passing_fault_costs_one_request_more(provider: Simulator, fault: Fault, role: str) -> None:
    """After one fault, whichever and wherever, the second request gives the answer, and nothing is degraded."""
    provider.behaviour = Behaviour(reply="one two three four", schedule=[fault], retry_after=0.0)
    other = ScriptedChatModel(replies="fine")
    graph = create_moa(Mixture.of(["openai:m"], other) if role == "proposer" else Mixture.of([other], "openai:m"))
    if role == "streaming aggregator":
        for _ in graph.stream(QUESTION, stream_mode="messages"):
            pass
        assert [request.body.get("stream") for request in provider.requests] == [True, True]
    else:
        out = graph.invoke(QUESTION)
        assert out["messages"][-1].content == ("fine" if role == "proposer" else "one two three four")
        assert out["messages"][-1].response_metadata["moa"]["degraded"] is False
    assert [request.fault for request in provider.requests] == [fault, None]


def test_tokens_of_a_stream_that_broke_are_told_apart(provider: Simulator) -> None:
    """Tokens of a stream that breaks off belong to another message than those of the answer that follows."""
    provider.behaviour = Behaviour(reply="one two three four", schedule=["disconnect"])
    graph = create_moa(Mixture.of([ScriptedChatModel()], "openai:m"))
    texts: dict[str, str] = {}
    for chunk, _ in graph.stream(QUESTION, stream_mode="messages"):
        texts[chunk.id] = texts.get(chunk.id, "") + chunk.content
    assert list(texts.values()) == ["one two", "one two three four"]


async def test_a_chain_keeps_its_own_retries(provider: Simulator, http: Any) -> None:
    """A chain around a chat model is asked once by us, and the client within it retries as it was built to."""
    provider.behaviour = Behaviour(status=503, retry_after=0.01)
    model = ChatOpenAI(model="m", http_async_client=http, max_retries=1)
    chain = ChatPromptTemplate.from_messages([MessagesPlaceholder("messages")]) | model
    proposal = await proposal_here(one(chain))
    assert (len(provider.requests), proposal["attempts"]) == (2, 1)


@pytest.mark.parametrize("error", [ConnectionError("gone"), TimeoutError("slow")])
def test_a_function_is_asked_once(provider: Simulator, error: Exception) -> None:
    """A Runnable that is no chat model may have effects of its own, and is never asked again."""
    asked = []

    def fails(messages: object) -> str:
        asked.append(messages)
        raise error

    assert proposal_of(one(RunnableLambda(fails)))["attempts"] == len(asked) == 1


class Stubborn(ScriptedChatModel):
    """A chat model whose client retries by itself and is told how often by `max_retries`."""

    max_retries: int = 2


@pytest.mark.parametrize(("kind", "requests"), [(ScriptedChatModel, 3), (Stubborn, 1)])
def test_a_model_of_any_other_class(provider: Simulator, kind: type[ScriptedChatModel], requests: int) -> None:
    """A model that retries by itself is asked once, and any other as often as a provider's."""
    model = kind(replies=ConnectionError("gone"))
    assert proposal_of(one(model))["attempts"] == len(model.requests) == requests


built: list[Stubborn] = []


def build(name: str, **arguments: Any) -> Stubborn:
    """Build a model of a provider whose client must be told when it is built not to retry."""
    built.append(Stubborn(model_name=name, replies=ConnectionError("gone"), **arguments))
    return built[-1]


@pytest.mark.parametrize(
    ("options", "requests"),
    [
        pytest.param({}, 3, id="default"),
        pytest.param({"max_retries": 0}, 1, id="none"),
        pytest.param({"max_retries": 4}, 5, id="four"),
        pytest.param(
            {"max_retries": None},
            3,
            id="left-to-the-client",
        ),
    ],
)
def test_a_client_that_is_built_quiet(
    provider: Simulator, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], requests: int
) -> None:
    """A client of this kind is built without retries, and what the recipe says of them is ours to do."""
    quiet = Provider(__name__, factory=f"{__name__}:build", retries_off={"max_retries": 0})
    monkeypatch.setitem(PROVIDERS, "groq", quiet)
    built.clear()
    proposal = proposal_of(one("groq:m", model_kwargs=options))
    [model] = built
    assert model.max_retries == 0
    assert proposal["attempts"] == len(model.requests) == requests


async def test_pauses_can_be_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a seeded source of jitter, a call pauses for the same times whenever it is made."""
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", note)
    place, seat = Place(1, 0, "m"), Proposer(ScriptedChatModel(replies=TimeoutError("slow")))
    for _ in range(2):
        terms = Terms(60.0, jitter=random.Random(7))  # noqa: S311 - spreads calls in time
        await SeatCaller(seat, answers_user=False, streams=False).call(place, [HumanMessage("why?")], {}, terms)
    first, second, *others = [seconds for seconds in pauses if seconds]
    assert others == [first, second]
    assert 0.25 <= first <= 0.5 <= second <= 1


def test_a_layer_s_deadline_covers_the_retries(provider: Simulator) -> None:
    """Retries go on within the deadline of the layer and end with it, however many are allowed."""
    provider.behaviour = Behaviour(status=503, retry_after=0.1)
    asked = one("openai:m", model_kwargs={"max_retries": 1000})
    begin = time.monotonic()
    mixture = Mixture.of(asked.layers[0].proposers, asked.aggregator, deadline=0.8)
    proposal = proposal_of(mixture)
    assert time.monotonic() - begin < 5
    assert proposal["status"] in {"error", "timeout"}
    assert 2 <= len(provider.requests) <= 9


def test_the_aggregator_s_retries_are_recorded(provider: Simulator) -> None:
    """An aggregator that is down for ever is asked three times, and its error says what it said."""
    provider.behaviour = Behaviour(status=500, reply="broken")
    with pytest.raises(AggregatorError, match=r"error, \w+Error: .*500 - broken"):
        create_moa(Mixture.of([ScriptedChatModel()], Aggregator("openai:m"))).invoke(QUESTION)
    assert len(provider.requests) == 3


def has_refused(server: Simulator) -> bool:
    """Say whether a server has answered its busy model."""
    return any(request.model == "busy" and request.finished_at for request in server.requests)


def test_no_retry_outlives_a_quorum(provider: Simulator) -> None:
    """A slot that waits before its retry when the layer goes on is cancelled, and never asks again."""
    provider.models["busy"] = Behaviour(status=503, retry_after=0.5)
    provider.models["free"] = Behaviour(reply=lambda _: str(provider.wait_for(has_refused)))
    proposers = [Proposer("openai:busy", name="busy"), Proposer("openai:free", name="free")]
    out = create_moa(Mixture.of(proposers, ScriptedChatModel(), quorum=1, grace=0.1)).invoke(QUESTION)
    assert [proposal["status"] for proposal in out["proposals"]] == ["cancelled", "ok"]
    assert out["proposals"][0]["attempts"] == 1
    assert out["proposals"][0]["waited"] > 0
    assert not provider.wait_for(lambda server: len(server.requests) > 2, seconds=0.7)


async def test_a_cancelled_run_makes_no_retry(provider: Simulator) -> None:
    """Cancelling a run while a slot waits before its retry ends the wait within a second, and no request follows."""
    provider.behaviour = Behaviour(status=503, retry_after=30.0)
    run = asyncio.create_task(create_moa(one("openai:m", timeout=100)).ainvoke(QUESTION))
    assert await asyncio.to_thread(
        provider.wait_for, lambda server: len(server.requests) == 1 and server.in_flight == 0
    )
    begin = time.monotonic()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert time.monotonic() - begin < 1
    assert len(provider.requests) == 1
