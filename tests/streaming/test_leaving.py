"""Claims about streams of a chat model that are left at a token: every call is cancelled, down to the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, closing
from typing import Any

import pytest

from langgraph_moa import Mixture, Proposer
from langgraph_moa.testing import Behaviour, Simulator
from tests.streaming.places import PLACES, mixed
from tests.streaming.recipes import QUESTION
from tests.ways import NOTICED, tasks_besides_this, use_simulator

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
PLACES_OF_CHAT_MODELS = ("chat", "chain", "inside-a-node", "streamed-in-a-node", "agent")
"""Where a mixture is a chat model."""


@pytest.fixture
def provider(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Let models write for ten seconds."""
    use_simulator(simulator, monkeypatch)
    simulator.models = {"quick": Behaviour(), "writer": Behaviour(reply="word " * 200, tokens_per_second=20)}
    return simulator


def _called(place: str, *, at_a_proposal: bool = False) -> Any:
    proposers = [Proposer("openai:writer" if at_a_proposal else "openai:quick", samples=2)]
    return PLACES[place].build(mixed(Mixture.of(proposers, "openai:writer"), stream_proposals=at_a_proposal))


def _ended_early(simulator: Simulator) -> int:
    """Wait until no request is under way; return how many were left by their client."""
    assert simulator.record.wait_for(lambda: not simulator.record.open, NOTICED)
    return sum(request.disconnected for request in simulator.requests)


async def _soon_ended_early(simulator: Simulator) -> int:
    """Do the same where the loop that closes the connections is the running one."""
    return await asyncio.to_thread(_ended_early, simulator)


async def leave_astream(called: Any, question: Any, kind: str) -> None:
    """Close a stream of chunks, or of messages."""
    options = {"stream_mode": "messages"} if kind == "graph" else {}
    async with aclosing(called.astream(question, **options)) as chunks:
        await _first(chunks, lambda chunk: bool(chunk[0].text if kind == "graph" else str(chunk)))


async def leave_events(called: Any, question: Any, kind: str) -> None:
    """Close a stream of events."""
    async with aclosing(called.astream_events(question, version="v2")) as events:
        await _first(
            events, lambda event: event["event"] == "on_chat_model_stream" and bool(event["data"]["chunk"].text)
        )


async def cancel_astream(called: Any, question: Any, kind: str) -> None:
    """Cancel the task that reads a stream."""
    has_come = asyncio.Event()
    options = {"stream_mode": "messages"} if kind == "graph" else {}

    async def read() -> None:
        async for _ in called.astream(question, **options):
            has_come.set()

    reading = asyncio.create_task(read())
    await has_come.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def _first(items: AsyncIterator[Any], is_token: Callable[[Any], bool]) -> None:
    async for item in items:
        if is_token(item):
            return
    pytest.fail("no token came")


Leave = Callable[[Any, Any, str], Awaitable[None]]
every_way = pytest.mark.parametrize(
    "leave", [leave_astream, leave_events, cancel_astream], ids=lambda leave: leave.__name__
)


@every_way
@pytest.mark.parametrize("place", PLACES_OF_CHAT_MODELS)
async def test_leaving_at_a_token_of_the_answer(place: str, leave: Leave, provider: Simulator) -> None:
    """A stream that is left at the first token closes the aggregator's connection, and leaves no task."""
    await leave(_called(place), PLACES[place].ask(QUESTION), PLACES[place].kind)
    assert await _soon_ended_early(provider) == 1
    assert await tasks_besides_this() == set()


@pytest.mark.parametrize("leave", [leave_astream, leave_events], ids=lambda leave: leave.__name__)
@pytest.mark.parametrize("place", ["root", "inside-a-node", "agent"])
async def test_leaving_at_a_token_of_a_proposal(place: str, leave: Leave, provider: Simulator) -> None:
    """A stream that is left at the first token of a proposal closes every proposer's connection."""
    await leave(_called(place, at_a_proposal=True), PLACES[place].ask(QUESTION), PLACES[place].kind)
    assert await _soon_ended_early(provider) == len(provider.requests) > 0
    assert await tasks_besides_this() == set()


def test_leaving_a_synchronous_stream_at_a_token(provider: Simulator) -> None:
    """A synchronous stream that is closed at the first token closes the aggregator's connection."""
    with closing(_called("chat").stream(QUESTION)) as chunks:
        next(chunks)
    assert _ended_early(provider) == 1


def test_leaving_the_loop_over_a_synchronous_stream(provider: Simulator) -> None:
    """A loop over the chunks of a mixture that is broken off closes the aggregator's connection."""
    for _ in _called("chat").stream(QUESTION):
        break
    assert _ended_early(provider) == 1


async def test_closing_a_stream_of_the_protocol(provider: Simulator) -> None:
    """A chat model's stream of the third version that is closed at the first token ends every call."""
    stream = await _called("chat").astream_events(QUESTION, version="v3")
    async with aclosing(stream):
        await _first(stream, lambda event: event["event"] == "content-block-delta")
    assert await _soon_ended_early(provider) == 1
    assert await tasks_besides_this() == set()
