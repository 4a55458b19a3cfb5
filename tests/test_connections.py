"""Claims about the connections of the shared client, against real servers on this machine."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
import pytest

from langgraph_moa.clients import shared_openai_client, tls_context
from langgraph_moa.connections import AiohttpTransport
from langgraph_moa.testing import Behaviour, Simulator

PATIENCE = 5.0
"""Seconds until a test that waits for something gives up."""
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]
HEAD = b"HTTP/1.1 200 OK\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """A server that does what a test says with each connection, and knows those that are open."""

    def __init__(self, answer: Answer) -> None:
        self.url = ""
        self.requests: list[bytes] = []
        self.open = self.most_open = 0
        self.left = asyncio.Event()
        """Set when a client has closed a connection."""
        self._answer = answer

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, as long as both sides want."""
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while not writer.is_closing():
                self.requests.append(await read_request(reader))
                await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            self.open -= 1
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Return the next request, with its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    return head + await reader.readexactly(int(lengths[0]) if lengths else 0)


def saying(*parts: bytes, then: str = "keep") -> Answer:
    """Answer with these bytes, and then keep the connection, `close` it, `reset` it, or `wait` for the client."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if then == "wait":
            await reader.readexactly(1)
        if then == "close":
            writer.close()
        if then == "reset":
            writer.transport.abort()

    return answer


@asynccontextmanager
async def served(
    answer: Answer,
) -> AsyncIterator[Server]:
    """Serve on a free port of this machine."""
    server = Server(answer)
    async with await asyncio.start_server(server.connected, "127.0.0.1", 0) as listening:
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield server


@asynccontextmanager
async def ours(**limits: Any) -> AsyncIterator[Any]:
    """Give a client over the transport."""
    transport = AiohttpTransport(tls_context(), httpx2.Limits(**limits))
    async with openai.DefaultAsyncHttpxClient(transport=transport) as client:
        yield client


async def outcome(client: Any, url: str) -> object:
    """Return what a caller of the OpenAI SDK sees of one request: the answer, or the class of the error."""
    asking = openai.AsyncOpenAI(api_key="k", base_url=url, http_client=client, max_retries=0, timeout=0.2)
    try:
        async with asyncio.timeout(PATIENCE):
            raw = await asking.models.with_raw_response.list()
            return raw.http_response.status_code, raw.http_response.headers.multi_items(), raw.http_response.content
    except openai.OpenAIError as error:
        status = getattr(error, "status_code", None)
        return type(error), status, getattr(getattr(error, "response", None), "text", None)


@pytest.mark.parametrize(
    ("parts", "then"),
    [
        pytest.param([OK], "keep", id="answer"),
        pytest.param([b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"], "keep"),
        pytest.param([b"HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno"], "keep", id="429"),
        pytest.param([b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"], "keep", id="redirects"),
        pytest.param([HEAD + b"X: " + b"x" * 20_000 + b"\r\nContent-Length: 2\r\n\r\nok"], "keep", id="long"),
        pytest.param([HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"], "keep", id="chunks"),
        pytest.param([b"HTTP/1.1 200 OK\r\n\r\n", b"to the end"], "close", id="until-closed"),
        pytest.param([], "close", id="closed"),
        pytest.param([], "reset", id="reset"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"], "close", id="cut-short"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"], "reset", id="reset-midway"),
        pytest.param([HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"], "close", id="no-chunks"),
        pytest.param([b"hello\r\n\r\n"], "close", id="no-http"),
        pytest.param([], "wait", id="silent"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"], "wait", id="silent-midway"),
    ],
)
async def test_whatever_a_server_does_is_seen_as_over_the_default_transport(parts: list[bytes], then: str) -> None:
    """Answers and errors are, for a caller of the SDK, those that its own client gives."""
    async with served(saying(*parts, then=then)) as server, ours() as client, openai.DefaultAsyncHttpxClient() as own:
        assert await outcome(client, server.url) == await outcome(own, server.url)


async def test_a_server_that_is_not_there_is_no_timeout() -> None:
    """A refused connection is a failure of the connection, as over the default transport."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with ours() as client, openai.DefaultAsyncHttpxClient() as own:
            assert await outcome(client, url) == await outcome(own, url) == (openai.APIConnectionError, None, None)


@pytest.mark.parametrize("path", ["/v1/a%2Fb?q=%C3%A9+%26", "/v1/é"])
async def test_a_request_is_sent_as_over_the_default_transport(path: str) -> None:
    """Method, path, headers and body are the same, name for name, whatever stands in the address."""
    async with served(saying(OK)) as server, ours() as client, openai.DefaultAsyncHttpxClient() as own:
        address = server.url.replace("//", "//name:pass@") + path
        for one in (client, own):
            await one.post(address, json={"a": "b"}, headers={"X-Team": "blue"})
    first, second = ({*one.lower().split(b"\r\n")} for one in server.requests)
    assert first == second


async def test_no_request_is_lost_to_a_connection_that_the_server_has_closed() -> None:
    """A call made before the loop has seen that an idle connection was closed goes over another one, at once."""
    closed = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)

        def serve() -> None:
            for _ in range(2):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(OK)
                    if not closed.is_set():
                        answered.wait(PATIENCE)
                closed.set()

        answered = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with ours(keepalive_expiry=PATIENCE) as client:
            await client.post(url, content=b"first")
            answered.set()
            assert closed.wait(PATIENCE)
            assert (await client.post(url, content=b"second")).text == "ok"
        thread.join(PATIENCE)


async def test_an_answer_that_is_not_read_to_its_end_is_hung_up_on() -> None:
    """Leaving a stream closes its connection, so that the provider stops writing."""
    parts = [b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b"data: 1\n"]
    async with served(saying(*parts, then="wait")) as server, ours() as client:
        async with client.stream("GET", server.url) as response:
            assert [await anext(aiter(response.aiter_lines()))] == ["data: 1"]
            assert server.open == 1
        async with asyncio.timeout(PATIENCE):
            await server.left.wait()


async def test_a_connection_serves_one_request_after_the_other() -> None:
    """Requests made in turn share a connection."""
    async with served(saying(OK)) as server, ours() as client:
        for _ in range(3):
            await client.get(server.url)
        assert (server.most_open, len(server.requests)) == (1, 3)


async def test_more_requests_than_connections_wait_for_one() -> None:
    """There are never more connections than the limit, and every request is served."""
    async with served(saying(OK)) as server, ours(max_connections=3) as client:
        answers = await asyncio.gather(*(client.get(server.url) for _ in range(20)))
        assert {answer.text for answer in answers} == {"ok"}
        assert server.most_open == 3


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the environment name no proxy."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A request goes to the proxy, but to a host of `NO_PROXY` directly."""
    async with served(saying(OK)) as proxy, served(saying(OK)) as direct:
        monkeypatch.setenv(variable, proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        client = await shared_openai_client()
        await client.get("http://elsewhere.example/v1")
        await client.get(direct.url)
    assert proxy.requests[0].startswith(b"GET http://elsewhere.example/v1 ")
    assert [len(proxy.requests), len(direct.requests)] == [1, 1]


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_loop_that_nobody_shut_down_is_left_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    """A transport with a connection open says nothing when its loop was closed without it."""
    caplog.set_level(logging.DEBUG, logger="asyncio")

    async def use(url: str) -> None:
        transport = AiohttpTransport(tls_context(), httpx2.Limits())
        request = httpx2.Request("GET", url, extensions={"timeout": {}})
        response = await transport.handle_async_request(request)
        assert await response.aread()
        await asyncio.sleep(0)

    with Simulator(Behaviour()) as simulator:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(use(simulator.url))
        loop.close()
        del loop
        while gc.collect():
            pass
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []
