"""HTTP requests of the OpenAI SDK over aiohttp, which takes far less processor time than the SDK's default transport.

It differs from the transport of `openai.DefaultAioHttpClient` in what a failure is called, in how it meets a connection
that the server has just closed, and in going silently with an event loop that nobody shut down.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from weakref import finalize

import aiohttp
import httpx2
from yarl import URL

_ADDED_BY_AIOHTTP = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_LONGEST_HEADER = 64 * 1024
"""Bytes; the default transport takes 100 KiB of headers, aiohttp by itself lines of 8 KB."""
_TURNS_TO_SEE_A_CLOSED_CONNECTION = 2
"""Of the loop: one that learns which connections have news, and one that reads it. Then they are no longer used."""
_ERRORS: tuple[tuple[type[Exception], type[httpx2.TransportError]], ...] = (
    (aiohttp.SocketTimeoutError, httpx2.ReadTimeout),
    (TimeoutError, httpx2.ConnectTimeout),
    (aiohttp.ClientConnectorError, httpx2.ConnectError),
    (aiohttp.ClientConnectorCertificateError, httpx2.ConnectError),
    (aiohttp.ClientOSError, httpx2.ReadError),
    (aiohttp.InvalidURL, httpx2.UnsupportedProtocol),
    (aiohttp.ClientError, httpx2.RemoteProtocolError),
)
"""The first that fits says what a failure is called."""


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """The connections of one event loop; to be made while it runs, and closed by `aclose`.

    Args:
        verify: What certificates are checked with.
        limits: `max_connections` at once, each kept idle for `keepalive_expiry` seconds at most.
    """

    def __init__(self, verify: ssl.SSLContext, limits: httpx2.Limits) -> None:
        self._session = aiohttp.ClientSession(
            connector=_Connector(
                limit=limits.max_connections or 0, keepalive_timeout=limits.keepalive_expiry, ssl=verify
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_ADDED_BY_AIOHTTP,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )
        finalize(self, self._session.detach)  # a session whose loop is gone cannot be closed, and would complain

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and return its answer as soon as the headers are there.

        Raises:
            TransportError: The connection fails or takes too long.
        """
        await request.aread()
        for _ in range(_TURNS_TO_SEE_A_CLOSED_CONNECTION):
            await asyncio.sleep(0)
        with _named_as_by_httpx():
            try:
                response = await self._send(request)
            except aiohttp.ClientConnectionResetError:  # closed by the server meanwhile: it has answered nothing
                response = await self._send(request)
        return httpx2.Response(
            response.status,
            headers=response.raw_headers,
            stream=_Body(response),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": (response.reason or "").encode()},
        )

    async def aclose(self) -> None:
        """Close the connections, idle or not."""
        await self._session.close()

    async def _send(self, request: httpx2.Request) -> aiohttp.ClientResponse:
        timeout = request.extensions.get("timeout", {})
        return await self._session.request(
            request.method,
            _address(request.url),
            headers=request.headers.multi_items(),
            data=request.content or None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                connect=timeout.get("pool"), sock_connect=timeout.get("connect"), sock_read=timeout.get("read")
            ),
            server_hostname=request.extensions.get("sni_hostname"),
        )


class _Connector(aiohttp.TCPConnector):
    def __del__(self, *_: object) -> None:
        """Leave the loop alone: it may be closed, or belong to the process that this one was forked from."""


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _named_as_by_httpx():
            async for chunk in self._response.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        """Close a connection whose answer was not read to its end; any other one is ready for the next request."""
        self._response.close()


def _address(url: httpx2.URL) -> URL:
    """Return an address as it stands; a name and password within it are in the request's headers already."""
    address = URL(str(url), encoded=True)
    return address.with_user(None) if url.userinfo else address


@contextmanager
def _named_as_by_httpx() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError) as error:
        name = next(name for kind, name in _ERRORS if isinstance(error, kind))
        raise name(str(error)) from error
