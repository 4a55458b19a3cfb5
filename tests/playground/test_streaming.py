"""Events on their way to a reader who does not read."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message

from langgraph_moa import Mixture, Proposer
from langgraph_moa.playground import EarlierRuns, playground_routes
from langgraph_moa.playground.streaming import EventStream, Unread
from langgraph_moa.playground.telling import Event, run_status
from langgraph_moa.serving import Catalogue, Settings, create_app
from langgraph_moa.testing import Behaviour, Simulator
from tests.playground.pages import Named, playground, saying

NODES = st.sampled_from(["a", "b"])
PIECES = st.builds(
    lambda node, text, begins: {"type": "piece", "node": node, "text": text, "begins": begins},
    NODES,
    st.text(max_size=3),
    st.booleans(),
)
OTHERS = st.builds(lambda node, kind: {"type": kind, "node": node}, NODES, st.sampled_from(["asked", "seat"]))
WITHOUT_NODE = st.sampled_from([{"type": "begin"}, {"type": "end", "run": None}])
PATIENCE = 0.2


async def all_of(unread: Unread) -> list[Event]:
    """Return what waits, and what follows it."""
    return [event async for event in unread.taken()]


def seen(events: list[Event]) -> dict[str, list[Any]]:
    """Return what a page has of each node: its events, and between them the text as it is in the end."""
    found: dict[str, list[Any]] = {"": []}
    for event in events:
        of_node = found.setdefault(event.get("node", ""), [])
        if event["type"] != "piece":
            of_node.append(event)
        elif not of_node or not isinstance(of_node[-1], str):
            of_node.append(event["text"])
        else:
            of_node[-1] = event["text"] if event["begins"] else of_node[-1] + event["text"]
    return found


@given(st.lists(st.one_of(PIECES, OTHERS, WITHOUT_NODE), max_size=30), st.integers(0, 5))
def test_a_slow_reader_sees_the_same(events: list[Event], pace: int) -> None:
    """However slowly events are taken, the reader sees of every node the same in the same order."""

    async def read() -> list[Event]:
        unread = Unread()
        taken = aiter(unread.taken())
        read = []
        for number, event in enumerate(events):
            unread.put(event)
            if pace and number % pace == 0 and len(unread):
                read.append(await anext(taken))
        unread.complete()
        return [*read, *[event async for event in taken]]

    assert seen(asyncio.run(read())) == seen(events)


async def test_what_waits_is_bounded() -> None:
    """Pieces that nobody takes wait as one for each node, and an answer that begins anew replaces what it was."""
    unread = Unread()
    for number in range(10_000):
        for node in ("a", "b", "c"):
            unread.put({"type": "piece", "node": node, "text": "x", "begins": node == "c" or number == 0})
    assert len(unread) == 3
    unread.complete()
    assert [len(event["text"]) for event in await all_of(unread)] == [10_000, 10_000, 1]


async def ask(app: ASGIApp, send: Callable[[Message], Awaitable[None]], mixture: str) -> None:
    """Ask an application over ASGI, and go on when it is done; the reader never goes away."""
    body = [json.dumps({"question": "Is it?", "mixture": mixture}).encode()]

    async def receive() -> Message:
        if not body:
            return await waits()
        return {"type": "http.request", "body": body.pop(), "more_body": False}

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/playground/api/ask", "headers": headers, "query_string": b""}
    async with asyncio.timeout(20):
        await app(scope, receive, send)


async def test_a_reader_that_takes_nothing_is_let_go(caplog: pytest.LogCaptureFixture) -> None:
    """Its run is stopped, down to the connection to the provider, and kept; the log has a line and no traceback."""
    models = {"quick": Behaviour(reply="quick"), "silent": Behaviour(hang=True)}
    with Simulator(Behaviour(), models=models) as provider:
        there = {"base_url": provider.url, "api_key": "simulated"}
        proposers = [Proposer(f"openai:{name}", name=name, model_kwargs=there) for name in models]
        runs = EarlierRuns()
        mixtures = Named({"panel": Mixture.of(proposers, saying("never"), name="panel")})
        app = playground({})
        app.router.routes = playground_routes(mixtures, runs, patience=PATIENCE)

        async def send(message: Message) -> None:
            if b'"seat"' in message.get("body", b""):  # both were asked, and one has answered
                await asyncio.Event().wait()

        with caplog.at_level(logging.WARNING):
            await ask(app, send, "panel")
        assert provider.wait_for(lambda simulator: any(request.disconnected for request in simulator.requests))
        assert len(provider.requests) == 2
    ((_, record),) = runs.listed()
    assert run_status(record) == "stopped"
    (line,) = [entry for entry in caplog.records if entry.name.startswith("langgraph_moa")]
    assert line.getMessage() == "a page took nothing for 0.2 s: its run was stopped"
    assert not any(entry.exc_info for entry in caplog.records)


async def waits() -> Message:
    """Give no message: the reader never goes away."""
    return await asyncio.Future()


async def test_half_a_character_stops_no_stream() -> None:
    """Whatever text of a provider stands in an event, it is sent, with U+FFFD for half a character."""
    sent: list[bytes] = []

    async def events() -> AsyncGenerator[Event]:
        yield {"type": "seat", "served_model": "\ud83d", "text": "\ud83d\ude00 \u00e9\r\n"}

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))

    await EventStream(events(), patience=9, headers={})({"type": "http", "method": "POST"}, waits, send)
    (event,) = [json.loads(body.removeprefix(b"data: ")) for body in sent if body]
    assert (event["served_model"], event["text"]) == ("\ufffd", "\U0001f600 \u00e9\r\n")


@pytest.mark.parametrize("stuck", ["start", "event", "end"])
async def test_every_message_is_bounded(stuck: str) -> None:
    """Beginning, event or end: whichever the reader does not take, the stream is given up and its source closed."""
    closed = asyncio.Event()

    async def events() -> AsyncGenerator[Event]:
        try:
            yield {"type": "begin"}
        finally:
            closed.set()

    async def send(message: Message) -> None:
        body = message.get("body")
        if stuck == ("start" if body is None else "event" if body else "end"):
            await asyncio.Event().wait()

    stream = EventStream(events(), patience=0.05, headers={})
    async with asyncio.timeout(20):
        await stream({"type": "http", "method": "POST"}, waits, send)
    assert closed.is_set()


async def test_a_servers_patience_is_that_of_its_page() -> None:
    """`Settings.patience` bounds the events of the page too."""
    sent = []

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    await ask(create_app(Catalogue(["offline"]), Settings(patience=0.05)), send, "offline")
    assert len(sent) == 2
