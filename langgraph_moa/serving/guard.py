"""Who may ask, and how much: an ASGI middleware before everything else."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from langgraph_moa.serving.failures import RequestFailure
from langgraph_moa.serving.settings import Settings, is_loopback

logger = logging.getLogger(__name__)
_OWN_NAMES = {"localhost", "127.0.0.1", "[::1]"}


class Guard:
    """Turns away who has no token, who came by another name, and who sends too much or too slowly.

    Where no token is asked for, a page of another site could make a browser ask this machine: only requests to a
    loopback name are answered, and none that says it comes from such a page.

    Args:
        app: What stands behind it.
        settings: Of the server.
        is_open: Says whether a path needs no token.
    """

    def __init__(self, app: ASGIApp, settings: Settings, is_open: Callable[[str], bool]) -> None:
        self._app = app
        self._settings = settings
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is turned away, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["method"], scope["path"], headers)
        if refusal is not None:
            await refused(refusal)(scope, receive, send)
            return
        try:
            await self._app(scope, self._measured(receive), send)
        except asyncio.CancelledError:  # only a server that stops does this, and nothing stands above that waits for it
            logger.warning("%s was cancelled: the server stops", scope["path"])

    def _refusal(self, method: str, path: str, headers: Headers) -> RequestFailure | None:
        if self._settings.token is None and not _is_own_name(headers.get("host", "")):
            return RequestFailure(
                421, "this server answers requests to 127.0.0.1 and localhost alone; ask it by one of these names",
                "misdirected_request",
            )  # fmt: skip
        if self._settings.token is None and method != "GET" and _is_of_other_site(headers):
            return RequestFailure(403, "this came from the page of another site, which may not ask", "other_site")
        if not self._is_allowed(path, headers):
            return RequestFailure(
                401,
                "a valid token is needed: send it as 'Authorization: Bearer ...', or as the api_key of your client",
                "invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > self._settings.largest_body:
            return self._too_large()
        return None

    def _is_allowed(self, path: str, headers: Mapping[str, str]) -> bool:
        token = self._settings.token
        if token is None or self._is_open(path):
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())

    def _measured(self, receive: Receive) -> Receive:
        """Return what gives the parts of a body until there are too many, or one takes too long."""
        taken, ended = 0, False
        until: float | None = None

        async def measured() -> Message:
            nonlocal taken, ended, until
            if ended:
                return await receive()
            until = until or asyncio.get_running_loop().time() + self._settings.patience
            message = await self._in_time(receive, until)
            taken += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if taken > self._settings.largest_body:
                raise self._too_large()
            return message

        return measured

    async def _in_time(self, receive: Receive, until: float) -> Message:
        try:
            async with asyncio.timeout_at(until):
                return await receive()
        except TimeoutError as error:
            seconds = f"{self._settings.patience:g} s"
            raise RequestFailure(408, f"the body did not come within {seconds}", "request_timeout") from error

    def _too_large(self) -> RequestFailure:
        most = self._settings.largest_body
        return RequestFailure(
            413, f"the body is larger than {most:,} bytes, or its length is unclear", "body_too_large"
        )


def refused(failure: RequestFailure) -> JSONResponse:
    """Return a failure as a response in OpenAI's form."""
    return JSONResponse(failure.to_dict(), failure.status, failure.headers)


def _is_of_other_site(headers: Headers) -> bool:
    """Say whether a browser tells that the page of another site sends a request; other clients tell nothing."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


def _is_own_name(host: str) -> bool:
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name.lower() in _OWN_NAMES or is_loopback(name)


async def closed(receive: Receive) -> Any:  # noqa: ANN401 - ASGI's own message
    """Wait until the client has gone."""
    while (message := await receive())["type"] != "http.disconnect":
        pass
    return message
