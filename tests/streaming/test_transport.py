"""Claims about requests and tool calls, with the client of a provider and server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI

from langgraph_moa import Mixture, Proposer
from langgraph_moa.chat_model import ChatMoA
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from langgraph_moa.testing.behaviour import ToolCall
from tests.streaming import listening
from tests.streaming.cells import Cell, every_cell
from tests.streaming.listening import Listen
from tests.streaming.places import measure, mixed
from tests.streaming.recipes import QUESTION, TEXT, proposing
from tests.ways import use_simulator

pytestmark = [
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),  # the third version of events
    pytest.mark.filterwarnings("ignore:astream_log is deprecated"),
]
CALLS = [ToolCall(name="measure", arguments={"tower": name}) for name in ("the old one", "the new one")]


@pytest.fixture
def provider(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Let a model write an answer, and another proposals."""
    use_simulator(simulator, monkeypatch)
    simulator.models = {"writer": Behaviour(reply=TEXT), "proposer": Behaviour(reply="a proposal of some words")}
    return simulator


def _streamed(simulator: Simulator, model: str) -> set[bool]:
    return {bool(request.body.get("stream")) for request in simulator.requests if request.model == model}


@pytest.mark.parametrize("stream_proposals", [False, True])
@every_cell
def test_proposers_stream_only_when_asked(*, cell: Cell, stream_proposals: bool, provider: Simulator) -> None:
    """A real client gets the answer once; proposers are asked to stream only where `stream_proposals` is set."""
    mixture = Mixture.of([Proposer("openai:proposer", samples=2)], "openai:writer", depth=3)
    heard = cell.heard(mixed(mixture, stream_proposals=stream_proposals))
    assert [message.message.text for message in heard if not message.tags] == [TEXT]
    arrived = any(message.tags for message in heard)
    assert arrived <= stream_proposals
    if arrived or not stream_proposals:
        assert _streamed(provider, "proposer") == {arrived}


@pytest.mark.parametrize("fault", ["odd_tool_chunks", None])
@pytest.mark.parametrize(
    "listen", [listening.stream, listening.astream, listening.events, listening.protocol_of_chat, listening.log]
)
def test_tool_calls_arrive_as_the_provider_sends_them(
    listen: Listen, fault: Any, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, pieces of arguments, indexes and ids are those that the client alone gives, also where they are odd."""
    use_simulator(simulator, monkeypatch)
    simulator.models = {"writer": Behaviour(tool_calls=CALLS, faults={fault: 1.0} if fault else {})}
    client = ChatOpenAI(model="writer")
    client.invoke("The ids of calls hold the number of the request: here too, it is to be the second.")
    bare = listening.protocol_of_chat if listen is listening.protocol_of_chat else listening.stream
    [expected] = bare(client.bind_tools([measure]), QUESTION, subgraphs=True)
    simulator.reset()
    mixture = ChatMoA(proposers=["openai:proposer"], aggregator="openai:writer")
    [heard] = listen(mixture.bind_tools([measure]), QUESTION, subgraphs=True)
    assert heard.pieces == expected.pieces
    assert len(heard.pieces) > len(CALLS)
    assert heard.message.tool_calls == expected.message.tool_calls  # type: ignore[attr-defined]
    assert heard.message.invalid_tool_calls == expected.message.invalid_tool_calls  # type: ignore[attr-defined]


class Dictated(ScriptedChatModel):
    """Streams these chunks."""

    chunks: Any

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        for chunk in self.chunks:
            yield ChatGenerationChunk(message=chunk.model_copy(deep=True))

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self.chunks:
            yield ChatGenerationChunk(message=chunk.model_copy(deep=True))


CHUNKS = st.lists(
    st.builds(
        AIMessageChunk,
        content=st.sampled_from(["", "a", " b"]),
        tool_call_chunks=st.lists(
            st.builds(
                tool_call_chunk,
                name=st.sampled_from([None, "", "measure", "look"]),
                args=st.sampled_from([None, "", "{", '{"tower": 1}', "}", '"x"']),
                id=st.sampled_from([None, "call-1", "call-2"]),
                index=st.sampled_from([None, 0, 1, 7]),
            ),
            max_size=2,
        ),
    ),
    max_size=6,
)
STREAMS: list[Callable[[Any], list[Any]]] = [
    lambda model: list(model.stream(QUESTION)),
    lambda model: asyncio.run(listening.listed(model.astream(QUESTION))),
]


@settings(deadline=None, max_examples=40)
@given(CHUNKS)
def test_any_chunks_are_passed_on_as_they_are(chunks: list[AIMessageChunk]) -> None:
    """Whatever chunks of text and tool calls the aggregator gives, those of the mixture are the same, and add up."""
    model = Dictated(chunks=[*chunks, AIMessageChunk(content="the end")])
    mixture = Mixture.of([proposing("model")], model)
    for stream in STREAMS:
        alone, together = stream(model), stream(ChatMoA(mixture=mixture))
        assert _what(together) == _what(alone)
        expected, whole = sum(alone[1:], alone[0]), sum(together[1:], together[0])
        assert whole.content == expected.content
        assert whole.tool_calls == expected.tool_calls
        assert whole.invalid_tool_calls == expected.invalid_tool_calls


def _what(chunks: list[AIMessageChunk]) -> list[Any]:
    return [(chunk.content, chunk.tool_call_chunks) for chunk in chunks if chunk.content or chunk.tool_call_chunks]
