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
MOST_CHOICES = 128


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
        elif path.startswith(f"{MODELS}/") and method == "GET":
            await self._one(path.removeprefix(f"{MODELS}/"), send)
        elif path in {MODELS, REQUESTS} and method == "GET":
            await _respond(send, 200, self._listing(scope))
        elif path in {CHAT, MODELS, REQUESTS}:
            text = f"Not allowed to {method} on {path}."
            await _respond(send, 405, protocol.error(text, "invalid_request_error"))
        else:
            text = f"Invalid URL ({method} {path})"
            await _respond(send, 404, protocol.error(text, "invalid_request_error"))

    async def _one(self, name: str, send: Send) -> None:
        if name in self._names():
            await _respond(send, 200, protocol.encode(protocol.model_entry(name)))
        else:
            text = f"The model {name!r} does not exist."
            await _respond(send, 404, protocol.error(text, "invalid_request_error", "model_not_found"))

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
            mistake = mistake_in(body)
            if mistake:
                await exchange.fail(400, protocol.error(mistake, "invalid_request_error"))
            else:
                await exchange.answer(self._model(request.model))
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the client is told
            await exchange.crash(error)
        finally:
            self._record.end(request)


def mistake_in(body: dict[str, Any] | None) -> str | None:
    """Return what makes a body no chat request, or `None` when it is one."""
    if body is None:
        return "The body of a request must be a JSON object."
    if not isinstance(body.get("model"), str) or not body["model"]:
        return "You must provide a `model`, as text."
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        return "`messages` must be a list with at least one message."
    count = body.get("n")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_CHOICES):
        return f"`n` must be a whole number in 1..{MOST_CHOICES}."
    return None


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
