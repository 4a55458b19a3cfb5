"""Counts the page's runs as requests: they are let in, and wait for their turn, as all others."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import ExitStack

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from langgraph_moa.serving.doors import Doors
from langgraph_moa.serving.failures import RequestFailure
from langgraph_moa.serving.guard import refused
from langgraph_moa.serving.streams import unless_gone


class Turnstile:
    """An ASGI middleware before one path.

    Args:
        app: What stands behind it.
        doors: Of the server process.
        path: That is counted; every other is handed on.
    """

    def __init__(self, app: ASGIApp, doors: Doors, path: str) -> None:
        self._app = app
        self._doors = doors
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on when it is its turn, or turn it away."""
        if scope["type"] != "http" or scope["path"] != self._path:
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        with ExitStack() as inside:
            try:
                inside.enter_context(self._doors.let_in(client[0] if client else ""))
                parts = await _read(receive)
            except RequestFailure as failure:
                await refused(failure)(scope, receive, send)
                return
            await self._in_turn(parts, scope, receive, send)

    async def _in_turn(self, parts: deque[Message], scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for a request's turn, and hand it on, unless its client has gone meanwhile."""
        taken = await unless_gone(receive, asyncio.ensure_future(self._turn()))
        if taken is None:
            return

        async def read_before() -> Message:
            return parts.popleft() if parts else await receive()

        try:
            await self._app(scope, read_before, send)
        finally:
            self._doors.leave()

    async def _turn(self) -> bool:
        await self._doors.take()
        return True


async def _read(receive: Receive) -> deque[Message]:
    """Return the parts of a request's body: a place is not kept for one that is still on its way."""
    parts = deque([await receive()])
    while parts[-1].get("more_body"):
        parts.append(await receive())
    return parts
