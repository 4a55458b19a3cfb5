"""One HTTP client for each event loop, closed with the loop.

A client keeps connections that belong to the loop they were opened in: used in another loop, it fails with
"Event loop is closed".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from weakref import WeakKeyDictionary

_open: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncGenerator[Any]] = WeakKeyDictionary()
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()


async def shared_openai_client() -> Any:  # noqa: ANN401 - a client class that the OpenAI SDK names but does not export as a type
    """Return the running loop's HTTP client for `ChatOpenAI` and the classes built on it."""
    loop = asyncio.get_running_loop()
    client = _clients.get(loop)
    if client is None:
        from openai import DefaultAsyncHttpxClient

        client = _clients[loop] = DefaultAsyncHttpxClient()
        # An event loop closes the asynchronous generators that it has started, and so this client, when it shuts down.
        keeper = _open[loop] = _close_at_shutdown(loop, client)
        await anext(keeper)
    return client


async def _close_at_shutdown(loop: asyncio.AbstractEventLoop, client: Any) -> AsyncGenerator[None]:  # noqa: ANN401
    try:
        yield
    finally:
        _clients.pop(loop, None)
        await client.aclose()
        _open.pop(loop, None)
