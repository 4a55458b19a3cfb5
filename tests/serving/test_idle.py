"""Claims about connections on which no request comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from langgraph_moa.serving.idle import AttentiveProtocol

PATIENCE = 0.2


async def answering(_: Scope, receive: Receive, send: Send) -> None:
    """Answer in two pieces, with more time between them than an idle connection has."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"o", "more_body": True})
    await asyncio.sleep(3 * PATIENCE)
    await send({"type": "http.response.body", "body": b"k"})


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect to a server that looks after its connections."""
    config = uvicorn.Config(answering, lifespan="off", log_config=None)
    config.load()
    state = uvicorn.Server(config).server_state
    made = partial(AttentiveProtocol, PATIENCE, config=config, server_state=state, app_state={})
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield reader, writer
        writer.close()


@pytest.mark.timeout(30)
async def test_a_silent_connection_is_closed() -> None:
    """Who connects and says nothing is let go."""
    async with listening() as (reader, _):
        assert await reader.read() == b""


@pytest.mark.timeout(30)
async def test_a_head_that_never_ends_is_closed() -> None:
    """Who sends a byte of a request now and then, and never all of it, is let go."""
    async with listening() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        closed = asyncio.ensure_future(reader.read())
        while not closed.done():
            writer.write(b"x")
            await asyncio.wait([closed], timeout=PATIENCE / 4)
        assert closed.result() == b""


@pytest.mark.timeout(30)
async def test_a_slow_answer_is_not_cut() -> None:
    """A connection whose request is being answered stays, however long that takes, and is let go behind it."""
    async with listening() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        said = await reader.read()
        assert said.startswith(b"HTTP/1.1 200 OK")
        assert said.endswith(b"ok")
