"""Calls of a mixture as a chat model: side by side, cancelled, failed, cached, deep within a graph."""

from __future__ import annotations

import asyncio
import operator
import pickle
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from functools import reduce
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, MessagesState, StateGraph

from langgraph_moa import AggregatorError, Layer, Mixture, Proposer, QuorumError
from langgraph_moa.chat_model import ChatMoA
from langgraph_moa.testing import ScriptedChatModel, Simulator
from tests.chat_model.calling import QUESTION, Way, every_way, every_way_here, scripted
from tests.ways import use_simulator

LONG = 60.0
"""Seconds that no test waits for."""


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something has come true."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a model tells nobody that it was asked
            await asyncio.sleep(0.002)


def echo() -> ScriptedChatModel:
    """Return a model that says the first word of the question."""
    return scripted("echo", lambda messages: messages[0].text.split()[0])


@pytest.mark.parametrize("call", ["invoke", "stream", "ainvoke", "astream"])
def test_in_eight_threads(call: str) -> None:
    """Threads that share a chat model, some with loops of their own, each get the answer to their own question."""
    chat = ChatMoA(proposers=[echo(), echo()], aggregator=echo())

    def ask(question: str) -> str:
        if call == "invoke":
            return chat.invoke(question).text
        if call == "stream":
            return reduce(operator.add, chat.stream(question)).text
        return asyncio.run(answer(chat, question, streamed=call == "astream")).text

    questions = [f"{number} ?" for number in range(24)]
    with ThreadPoolExecutor(8) as executor:
        assert list(executor.map(ask, questions)) == [str(number) for number in range(24)]


async def answer(chat: ChatMoA, question: str, *, streamed: bool) -> AIMessage:
    """Return what a chat model says in this loop."""
    if not streamed:
        return await chat.ainvoke(question)
    chunks = [chunk async for chunk in chat.astream(question)]
    return reduce(operator.add, chunks)


def test_in_one_loop_after_the_other(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same chat model answers over a provider's client in every new loop, with synchronous calls in between."""
    use_simulator(simulator, monkeypatch)
    chat = ChatMoA(proposers=["openai:a", "openai:b"], aggregator="openai:c")
    for number in range(4):
        assert asyncio.run(answer(chat, QUESTION, streamed=number % 2 == 1)).text == "ok"
        assert chat.invoke(QUESTION).text == "ok"
    assert len(simulator.requests) == 24


async def test_side_by_side_in_one_loop() -> None:
    """Many calls in one loop, streamed and not, each get their own answer."""
    chat = ChatMoA(proposers=[echo(), echo()], aggregator=echo())
    calls = [answer(chat, f"{number} ?", streamed=number % 2 == 1) for number in range(20)]
    assert [message.text for message in await asyncio.gather(*calls)] == [str(number) for number in range(20)]


@pytest.mark.parametrize("streamed", [False, True], ids=["ainvoke", "astream"])
async def test_cancelled_while_proposers_think(streamed: bool) -> None:  # noqa: FBT001
    """A caller that is cancelled cancels every proposer, and no aggregator is asked."""
    proposers, aggregator = [scripted("a", delay=LONG), scripted("b", delay=LONG)], scripted("c")
    asking = asyncio.create_task(
        answer(ChatMoA(proposers=proposers, aggregator=aggregator), QUESTION, streamed=streamed)
    )
    await until(lambda: all(proposer.requests for proposer in proposers))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert [proposer.cancelled for proposer in proposers] == [1, 1]
    assert not aggregator.requests


def slow_writer() -> ScriptedChatModel:
    """Return an aggregator whose answer takes longer than any test."""
    return scripted("slow", " ".join(["word"] * 100), tokens_per_second=2)


async def test_closed_asynchronous_stream() -> None:
    """Closing a stream that has begun cancels the aggregator's call."""
    aggregator = slow_writer()
    chat: Any = ChatMoA(proposers=[scripted("a")], aggregator=aggregator)
    async with aclosing(chat.astream(QUESTION)) as chunks:
        async for chunk in chunks:
            assert chunk.text == "word"
            break
    assert aggregator.cancelled == 1


def test_closed_stream() -> None:
    """The same holds for a synchronous stream, which does not wait for the rest either."""
    aggregator = slow_writer()
    chat: Any = ChatMoA(proposers=[scripted("a")], aggregator=aggregator)
    began = time.monotonic()
    with closing(chat.stream(QUESTION)) as chunks:
        assert next(chunks).text == "word"
    assert aggregator.cancelled == 1
    assert time.monotonic() - began < 25


async def test_a_quorum_ends_stragglers() -> None:
    """A proposer that the layer does not wait for is cancelled, and the answer says so."""
    straggler = scripted("b", delay=LONG)
    layer = Layer([scripted("a"), Proposer(straggler, name="late")], quorum=1, grace=0.0)
    message = await ChatMoA(mixture=Mixture([layer], scripted("c"))).ainvoke(QUESTION)
    assert straggler.cancelled == 1
    assert [(one["proposer"], one["status"]) for one in message.response_metadata["moa"]["missing"]] == [
        ("late", "cancelled")
    ]


def no_quorum() -> ChatMoA:
    """Return a mixture none of whose proposers answers."""
    return ChatMoA(proposers=[scripted("a", ValueError("down")), scripted("b", "")], aggregator=scripted("c"))


def no_aggregator() -> ChatMoA:
    """Return a mixture whose aggregator is down."""
    return ChatMoA(proposers=[scripted("a", "idea"), scripted("b", "")], aggregator=scripted("c", ValueError("down")))


@pytest.mark.parametrize(
    ("build", "kind", "statuses"),
    [(no_quorum, QuorumError, ["error", "empty"]), (no_aggregator, AggregatorError, ["ok", "empty"])],
    ids=["quorum", "aggregator"],
)
@every_way
def test_errors(way: Way, build: Callable[[], ChatMoA], kind: type[Exception], statuses: list[str]) -> None:
    """What the graph raises comes through with its proposals, and can be sent to another process."""
    with pytest.raises((QuorumError, AggregatorError)) as caught:
        way(build())
    assert type(caught.value) is kind
    sent = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - it was written right here
    errors: list[Any] = [caught.value, sent]
    for error in errors:
        assert [proposal["status"] for proposal in error.proposals] == statuses
        assert str(error) == str(caught.value)


@every_way_here
def test_deep_within_a_graph_of_few_steps(way: Way) -> None:
    """A mixture of eight layers runs within a graph that allows five steps: those are not its own."""
    chat = ChatMoA(proposers=[scripted("a")], aggregator=scripted("b", "answer"), depth=9)
    graph = StateGraph(MessagesState)
    graph.add_node("asking", lambda _: {"messages": [way(chat)]})
    graph.add_edge(START, "asking")
    graph.add_edge("asking", END)
    out = graph.compile().invoke({"messages": [HumanMessage(QUESTION)]}, {"recursion_limit": 5})
    assert out["messages"][-1].text == "answer"


@every_way
def test_the_conversation_is_left_alone(way: Way) -> None:
    """The caller's messages are what they were."""
    messages = [HumanMessage("one"), AIMessage("two"), HumanMessage("three")]
    before = [message.model_copy(deep=True) for message in messages]
    chat: Any = ChatMoA(proposers=[scripted("a")], aggregator=scripted("b"))
    way(RunnableLambda(lambda _: messages) | chat)
    assert messages == before


@every_way
def test_messages_of_one_id(way: Way) -> None:
    """Messages that share an id, as those of two histories may, are all asked of every model."""
    proposer = scripted("a")
    chat: Any = ChatMoA(proposers=[proposer], aggregator=scripted("b"))
    way(RunnableLambda(lambda _: [HumanMessage("one", id="1"), HumanMessage("two", id="1")]) | chat)
    assert [message.text for message in proposer.requests[0]] == ["one", "two"]


@pytest.fixture
def cache() -> Iterator[InMemoryCache]:
    """Set LangChain's cache for one test."""
    cache = InMemoryCache()
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


def cached_pair(name: str) -> tuple[ChatMoA, ScriptedChatModel, ScriptedChatModel]:
    """Return a mixture of two models of that name, and the two."""
    proposer, aggregator = scripted(f"{name} proposer", f"idea of {name}"), scripted(name, f"answer of {name}")
    return ChatMoA(proposers=[proposer], aggregator=aggregator), proposer, aggregator


@pytest.mark.parametrize("streamed", [False, True], ids=["invoke", "stream"])
def test_cache(cache: InMemoryCache, streamed: bool) -> None:  # noqa: FBT001
    """LangChain's cache answers for the calls of a mixture, and one mixture is never given another one's answer."""
    first, proposer, aggregator = cached_pair("first")
    second, _, _ = cached_pair("second")
    for chat, expected in ((first, "answer of first"), (second, "answer of second"), (first, "answer of first")):
        said = reduce(operator.add, chat.stream(QUESTION)) if streamed else chat.invoke(QUESTION)
        assert said.text == expected
    assert [len(proposer.requests), len(aggregator.requests)] == [1, 1]


def test_no_cache_of_its_own(cache: InMemoryCache) -> None:
    """The mixture's own answer is not cached: models that are not cached are asked each time."""
    proposer, aggregator = (ScriptedChatModel(cache=False) for _ in range(2))
    chat = ChatMoA(proposers=[proposer], aggregator=aggregator)
    for _ in range(2):
        chat.invoke(QUESTION)
    assert [len(proposer.requests), len(aggregator.requests)] == [2, 2]


class Tokens(BaseCallbackHandler):
    """Keeps what a mixture's own run tells, token by token."""

    def __init__(self) -> None:
        self.said: dict[Any, list[str]] = {}

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: Any, **told: Any) -> None:
        """Note a run of the mixture."""
        if told["metadata"]["ls_provider"] == "langgraph_moa":
            self.said[run_id] = []

    def on_llm_new_token(self, token: Any, *, run_id: Any, **_: Any) -> None:
        """Keep a token of such a run."""
        if run_id in self.said:
            self.said[run_id].append(token)


@pytest.mark.parametrize("streaming", [False, True])
async def test_streaming(streaming: bool) -> None:  # noqa: FBT001
    """With `streaming`, callbacks hear the tokens of an answer that is not streamed to the caller; else they do not."""
    chat = ChatMoA(proposers=[scripted("a")], aggregator=scripted("b", "one two three"), streaming=streaming)
    tokens = Tokens()
    assert chat.invoke(QUESTION, {"callbacks": [tokens]}).text == "one two three"
    assert (await chat.ainvoke(QUESTION, {"callbacks": [tokens]})).text == "one two three"
    heard = ["".join(said) for said in tokens.said.values()]
    assert heard == (["one two three"] * 2 if streaming else ["", ""])
