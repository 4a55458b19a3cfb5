"""Claims about streams over real sockets, and how they end."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Receive, Scope, Send

from langgraph_moa.serving.streams import End, EventStream, comment, event, with_pulse
from langgraph_moa.testing.server import Server

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
PIECE = event({"text": "x" * 60_000})


class Streaming:
    """An application that streams for ever, and notes how that ends."""

    def __init__(self, *, patience: float, pause: float) -> None:
        self.ended = threading.Event()
        self.closed = threading.Event()
        self.end: End | None = None
        self._patience = patience
        self._pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await EventStream(self._lines(), patience=self._patience, ended=self._note)(scope, receive, send)

    async def _lines(self) -> AsyncGenerator[bytes]:
        try:
            while True:
                yield PIECE
                await asyncio.sleep(self._pause)
        finally:
            self.closed.set()

    def _note(self, end: End) -> None:
        self.end = end
        self.ended.set()


@pytest.mark.parametrize(("patience", "end"), [(0.3, "stalled"), (60.0, "disconnected")])
def test_a_client_that_stops_reading(patience: float, end: End) -> None:
    """A client that takes nothing any more is dropped after so many seconds, one that goes is let go at once."""
    streaming = Streaming(patience=patience, pause=0.0)
    server = Server(streaming, "127.0.0.1", 0)
    try:
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
            connection.sendall(REQUEST)
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            if end == "stalled":
                assert streaming.ended.wait(30)
        assert streaming.ended.wait(30)
        assert streaming.closed.wait(30)
    finally:
        server.stop()
    assert streaming.end == end


async def test_a_pulse() -> None:
    """Silence is filled with comments, no line is lost or told twice, and the end is passed on."""

    async def lines() -> AsyncGenerator[bytes]:
        for number in range(3):
            await asyncio.sleep(0.05)
            yield event({"number": number})

    found = [line async for line in with_pulse(lines(), 0.01)]
    assert [line for line in found if line != comment("working")] == [event({"number": number}) for number in range(3)]
    assert found.count(comment("working")) >= 3


async def test_a_failure_is_passed_on() -> None:
    """What the lines raise is raised, and nothing is waited for any more."""

    async def lines() -> AsyncGenerator[bytes]:
        yield event({})
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        _ = [line async for line in with_pulse(lines(), 1.0)]


def test_a_comment_is_one_line() -> None:
    """Whatever a slot is called, a comment stays one line that clients pass over."""
    assert comment("a\ndata: b\r\n\r\nc") == b": a data: b c\n\n"
