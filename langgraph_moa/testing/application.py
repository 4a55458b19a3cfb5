"""The simulated provider as an ASGI application: which request goes where."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from langgraph_moa.testing import protocol
from langgraph_moa.testing.exchange import Exchange
from langgraph_moa.testing.models import RunningModel
from langgraph_moa.testing.record import Record, RecordedRequest

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CHAT = "/v1/chat/completions"
MODELS = "/v1/models"
REQUESTS = "/simulator/requests"


class Application:
    """Answers chat requests as models, and tells what it was asked.

    Args:
        model: Returns the model of a name as it now runs.
        names: Returns the names to list.
        record: Where requests are noted.
    """

    def __init__(
        self, model: Callable[[str], RunningModel], names: Callable[[], Iterable[str]], record: Record
    ) -> None:
        self._model = model
        self._names = names
        self._record = record

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path, method = scope["path"], scope["method"]
        if path == CHAT and method == "POST":
            await self._chat(scope, receive, send)
        elif path in {MODELS, REQUESTS} and method == "GET":
            await _respond(send, 200, self._listing(scope))
        elif path in {CHAT, MODELS, REQUESTS}:
            text = f"Not allowed to {method} on {path}."
            await _respond(send, 405, protocol.error(text, "invalid_request_error"))
        else:
            text = f"Invalid URL ({method} {path})"
            await _respond(send, 404, protocol.error(text, "invalid_request_error"))

    def _listing(self, scope: Message) -> bytes:
        if scope["path"] == MODELS:
            return protocol.model_list(list(self._names()))
        wanted = parse_qs(scope.get("query_string", b"").decode("ascii", "replace")).get("bodies", ["0"])[-1]
        return protocol.encode(self._record.summary(bodies=wanted not in {"0", "false", ""}))

    async def _chat(self, scope: Message, receive: Receive, send: Send) -> None:
        raw = await _read(receive)
        if raw is None:
            return
        body = _parsed(raw)
        headers = {name.decode("latin-1"): value for name, value in scope["headers"]}
        authorization = headers.get("authorization")
        request = RecordedRequest(
            scope["path"],
            body or {},
            frozenset(headers),
            None if authorization is None else authorization.decode("latin-1"),
        )
        number = self._record.begin(request)
        exchange = Exchange(request, number, self._record, receive, send)
        try:
            if body is None or not isinstance(body.get("messages"), list):
                text = "The body of a request must be a JSON object with a list of `messages`."
                await exchange.fail(400, protocol.error(text, "invalid_request_error"))
            else:
                await exchange.answer(self._model(request.model))
        finally:
            self._record.end(request)


def _parsed(raw: bytes) -> dict[str, Any] | None:
    """Return the table that a body holds, or `None` when it holds none."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


async def _read(receive: Receive) -> bytes | None:
    """Return a request's whole body, or `None` when the client went away before its end."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


async def _respond(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
