"""One HTTP client for each event loop, closed with the loop.

A client keeps connections that belong to the loop they were opened in: used in another loop, it fails with
"Event loop is closed".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from weakref import WeakKeyDictionary

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
_keepers: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncGenerator[None]] = WeakKeyDictionary()


async def shared_openai_client() -> Any:  # noqa: ANN401 - a client class that the OpenAI SDK exports as a value only
    """Return the running loop's HTTP client for `ChatOpenAI` and the classes built on it."""
    loop = asyncio.get_running_loop()
    client = _clients.get(loop)
    if client is None:
        from openai import DefaultAsyncHttpxClient

        _drop_closed()
        client = _clients[loop] = DefaultAsyncHttpxClient()
        # An event loop closes the asynchronous generators that it has started, and so this client, when it shuts down.
        keeper = _keepers[loop] = _close_at_shutdown(client)
        await anext(keeper)
    return client


async def _close_at_shutdown(client: Any) -> AsyncGenerator[None]:  # noqa: ANN401
    try:
        yield
    finally:
        loop = asyncio.get_running_loop()
        _clients.pop(loop, None)
        await client.aclose()
        _keepers.pop(loop, None)


def _drop_closed() -> None:
    """Let go of clients whose loop was closed without a shutdown: their sockets go with them."""
    for loop in [loop for loop in _clients if loop.is_closed()]:
        _clients.pop(loop, None)
        _keepers.pop(loop, None)
