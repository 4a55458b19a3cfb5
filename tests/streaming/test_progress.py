"""Claims about progress events: each comes once, to whoever listens, and the first at once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import aclosing, closing
from threading import Lock
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from langgraph_moa import Layer, Mixture, Proposer
from langgraph_moa.events import CALLBACK_EVENT, ProgressEvent
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from tests.streaming.listening import listed
from tests.streaming.places import PLACES, Caller, mixed
from tests.streaming.recipes import QUESTION, TEXT, USAGE
from tests.ways import Tries, use_simulator, warm_up

Told = list[ProgressEvent]
FIRST_EVENT = 0.05
"""Seconds within which the first event is there."""


def eventful() -> Mixture:
    """Return a mixture with a proposer for every way to end."""
    proposers = [
        Proposer(ScriptedChatModel(replies="a proposal", usage=USAGE), name="good"),
        Proposer(ScriptedChatModel(replies=ValueError("no")), name="bad"),
        Proposer(ScriptedChatModel(replies="late", delay=60), name="slow"),
    ]
    writer = ScriptedChatModel(replies=TEXT, usage=USAGE)
    return Mixture([Layer(proposers, quorum=1, grace=0.2)], writer, on_partial="allow")


class Listener(BaseCallbackHandler):
    """Keeps every progress event, and when each came."""

    run_inline = True

    def __init__(self) -> None:
        self.told: Told = []
        self.at: list[float] = []
        self._lock = Lock()

    def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
        """Keep an event."""
        if name == CALLBACK_EVENT:
            with self._lock:
                self.told.append(data)
                self.at.append(time.monotonic())


def _of_stream(graph: Any, question: Any) -> Told:
    """Stream synchronously what nodes write, subgraphs included."""
    return [event for _, event in graph.stream(question, stream_mode="custom", subgraphs=True)]


def _of_astream(graph: Any, question: Any) -> Told:
    """Stream what nodes write, subgraphs included."""
    stream = graph.astream(question, stream_mode=["custom", "messages"], subgraphs=True)
    return [event for _, mode, event in asyncio.run(listed(stream)) if mode == "custom"]


def _of_events(called: Any, question: Any) -> Told:
    """Read LangChain's events."""
    events = asyncio.run(listed(called.astream_events(question, version="v2")))
    return [event["data"] for event in events if event["event"] == "on_custom_event"]


def _of_invoke(called: Any, question: Any) -> Told:
    """Give a handler to a synchronous call."""
    listener = Listener()
    called.invoke(question, {"callbacks": [listener]})
    return listener.told


def _of_ainvoke(called: Any, question: Any) -> Told:
    """Give a handler to a call."""
    listener = Listener()
    asyncio.run(called.ainvoke(question, {"callbacks": [listener]}))
    return listener.told


def _of_chunks(called: Any, question: Any) -> Told:
    """Give a handler to a synchronous stream."""
    listener = Listener()
    list(called.stream(question, {"callbacks": [listener]}))
    return listener.told


def _of_achunks(called: Any, question: Any) -> Told:
    """Give a handler to a stream."""
    listener = Listener()
    asyncio.run(listed(called.astream(question, {"callbacks": [listener]})))
    return listener.told


Hear = Callable[[Any, Any], Told]
WRITTEN: tuple[Hear, ...] = (_of_stream, _of_astream)
CALLED: tuple[Hear, ...] = (_of_events, _of_invoke, _of_ainvoke, _of_chunks, _of_achunks)
WAYS = [
    pytest.param(place, hear, id=f"{place}-{hear.__name__.removeprefix('_of_')}")
    for place, of_place in PLACES.items()
    for hear in ((*WRITTEN, *CALLED) if of_place.kind == "graph" else CALLED)
]


def _where(event: ProgressEvent) -> tuple[Any, ...]:
    return event["event"], event["layer"], event["slot"]


@pytest.mark.parametrize(("place", "hear"), WAYS)
def test_every_event_comes_once_and_in_order(place: str, hear: Hear) -> None:
    """A run tells its plan first, each proposer's start before its end, and then how the answer comes about."""
    told = hear(PLACES[place].build(mixed(eventful())), PLACES[place].ask(QUESTION))
    order = [_where(event) for event in told]
    slots = {"good": "finished", "bad": "failed", "slow": "cancelled"}
    expected = [
        ("planned", None, "aggregator"),
        *(("started", 1, slot) for slot in slots),
        *((end, 1, slot) for slot, end in slots.items()),
        ("aggregating", None, "aggregator"),
        ("done", None, "aggregator"),
    ]
    first_token = ("first_token", None, "aggregator")
    assert Counter(order) - Counter([first_token]) == Counter(expected)
    assert order[0] == expected[0]
    assert all(order.index(("started", 1, slot)) < order.index((end, 1, slot)) for slot, end in slots.items())
    assert [where for where in order[7:] if where != first_token] == expected[7:]
    assert order.index(first_token) == 8 if first_token in order else len(order) == 9


def test_ends_tell_seconds_and_tokens() -> None:
    """How a call ended is told with the seconds that it took and its tokens, `None` where they are unknown."""
    told = _of_stream(mixed(eventful()).graph, PLACES["root"].ask(QUESTION))
    ends = {_where(event): event for event in told if "seconds" in event}
    assert {where[0] for where in ends} == {"finished", "failed", "cancelled", "done"}
    assert all(event["seconds"] is not None and event["seconds"] >= 0 for event in ends.values())
    tokens = {where[2]: event["tokens"] for where, event in ends.items()}
    assert tokens == {"good": 3, "bad": None, "slow": None, "aggregator": 3}
    assert {event["calls"] for event in told if event["event"] == "planned"} == {4}


def test_first_tokens_of_proposals_are_told_where_they_stream() -> None:
    """With `stream_proposals`, the first token of each proposal is told once, between its start and its end."""
    mixture = Mixture.of([Proposer(ScriptedChatModel(replies="two words"), samples=3)], ScriptedChatModel())
    told = _of_astream(mixed(mixture, stream_proposals=True).graph, PLACES["root"].ask(QUESTION))
    order = [_where(event) for event in told if event["layer"] == 1]
    for slot in {where[2] for where in order}:
        assert [where[0] for where in order if where[2] == slot] == ["started", "first_token", "finished"]


async def _first_of_astream(graph: Any, question: Any) -> float:
    begun = time.monotonic()
    async with aclosing(graph.astream(question, stream_mode="custom", subgraphs=True)) as steps:
        await anext(steps)
        return time.monotonic() - begun


async def _first_of_events(called: Any, question: Any) -> float:
    begun = time.monotonic()
    async with aclosing(called.astream_events(question, version="v2")) as events:
        async for event in events:
            if event["event"] == "on_custom_event":
                break
        return time.monotonic() - begun


async def _first_of_ainvoke(called: Any, question: Any) -> float:
    listener, begun = Listener(), time.monotonic()
    await called.ainvoke(question, {"callbacks": [listener]})
    return listener.at[0] - begun


def _first_of_stream(graph: Any, question: Any) -> float:
    begun = time.monotonic()
    with closing(graph.stream(question, stream_mode="custom", subgraphs=True)) as steps:
        next(steps)
        return time.monotonic() - begun


def _first_of_invoke(called: Any, question: Any) -> float:
    listener, begun = Listener(), time.monotonic()
    called.invoke(question, {"callbacks": [listener]})
    return listener.at[0] - begun


SITES = ("root", "subgraph", "chat", "inside-a-node", "agent")


def _slow(place: str, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Caller:
    use_simulator(simulator, monkeypatch)
    simulator.models = {"slow": Behaviour(delay=0.5)}
    return PLACES[place].build(mixed(Mixture.of([Proposer("openai:slow", samples=3)], "openai:quick")))


@pytest.fixture(scope="module")
def warm() -> None:
    """Make the first call before any claim about time."""
    warm_up()


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("first", [_first_of_astream, _first_of_events, _first_of_ainvoke])
@pytest.mark.parametrize("place", SITES)
async def test_the_first_event_comes_at_once(
    place: str,
    first: Callable[[Any, Any], Awaitable[float]],
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The plan is told within 50 ms of a call, though every proposer's provider takes its time."""
    if place == "chat" and first is _first_of_astream:
        pytest.skip("a chat model has no custom stream")
    called = _slow(place, simulator, monkeypatch)
    tries = Tries(FIRST_EVENT)
    for _ in tries:
        tries.took(await first(called, PLACES[place].ask(QUESTION)))


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize(
    ("place", "first"), [("root", _first_of_stream), *((place, _first_of_invoke) for place in SITES)]
)
def test_the_first_event_of_a_synchronous_call_comes_at_once(
    place: str, first: Callable[[Any, Any], float], simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan is told within 50 ms of a synchronous call, though every proposer's provider takes its time."""
    called = _slow(place, simulator, monkeypatch)
    tries = Tries(FIRST_EVENT)
    for _ in tries:
        tries.took(first(called, PLACES[place].ask(QUESTION)))
