"""Counts the page's runs as requests: they are let in, and wait for their turn, as all others."""

from __future__ import annotations

from contextlib import ExitStack

from starlette.types import ASGIApp, Receive, Scope, Send

from langgraph_moa.serving.doors import Doors
from langgraph_moa.serving.failures import RequestFailure
from langgraph_moa.serving.guard import refused


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
            except RequestFailure as failure:
                await refused(failure)(scope, receive, send)
                return
            async with self._doors.place():
                await self._app(scope, receive, send)
