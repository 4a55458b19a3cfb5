"""A way to the provider on which a connection takes long to open, as TCP and TLS do over a distance."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_BYTES = 65_536


@contextmanager
def slow_to_open(url: str, seconds: float) -> Iterator[str]:
    """Relay to a server; give the URL of the relay.

    Args:
        url: Of the server.
        seconds: That the first bytes of each new connection wait.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    relay = _Relay(url, seconds)
    try:
        yield asyncio.run_coroutine_threadsafe(relay.open(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(relay.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class _Relay:
    def __init__(self, url: str, seconds: float) -> None:
        self._target = urlsplit(url)
        self._seconds = seconds
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> str:
        """Begin to listen, and return the URL."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}{self._target.path}"

    async def close(self) -> None:
        """Close every connection."""
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._pass_on(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.sleep(self._seconds)
            far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
            await asyncio.gather(_pumped(reader, far_writer), _pumped(far_reader, writer))
        finally:
            writer.close()


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
