"""An OpenAI-compatible chat server on 127.0.0.1, on a port that the kernel chooses."""

from __future__ import annotations

import json
import re
import select
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How a simulated model answers."""

    reply: str | Callable[[dict[str, Any]], str] = "ok"
    """The answer, or a function of the request's body."""
    delay: float = 0.0
    """Seconds before the answer."""
    status: int = 200
    """HTTP status; from 400 on, an error in OpenAI's shape with `reply` as its message."""
    hang: bool = False
    """Never answers; the request is over when the client closes the connection."""
    usage: bool = True
    """Whether tokens are reported: one for each word."""


@dataclass
class RecordedRequest:
    """A request as the server saw it."""

    path: str
    body: dict[str, Any]
    headers: frozenset[str]
    """Lower-case names of the headers that were present; their values may be secret."""
    authorization: str | None = field(repr=False)
    disconnected: bool = False
    """Whether the client closed the connection before the answer."""


class Simulator:
    """A provider that runs in a thread of this process.

    ```python
    with Simulator(Behaviour(reply="Paris")) as simulator:
        model = ChatOpenAI(base_url=simulator.url, api_key="any", model="any")
    ```

    Args:
        behaviour: Of every model that `models` does not name.
        models: Behaviours by model name; `/v1/models` lists them.
    """

    def __init__(self, behaviour: Behaviour | None = None, *, models: Mapping[str, Behaviour] | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.models = dict(models or {})
        self.requests: list[RecordedRequest] = []
        """Chat requests, in the order of their arrival."""
        self.stopping = threading.Event()
        self._arrived = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.simulator = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Base URL, ending in `/v1`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for(self, condition: Callable[[Self], bool], *, seconds: float = 10.0) -> bool:
        """Wait until something is true of this server, such as the number of requests; say whether it came true."""
        with self._arrived:
            return self._arrived.wait_for(lambda: condition(self), timeout=seconds)

    def record(self, request: RecordedRequest) -> None:
        """Keep a request."""
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()

    def note_disconnect(self, request: RecordedRequest) -> None:
        """Note that a client has gone."""
        with self._arrived:
            request.disconnected = True
            self._arrived.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    simulator: Simulator


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay silent."""

    def do_GET(self) -> None:
        """List the models."""
        names = sorted(self.server.simulator.models)
        self._send(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in names]})

    def do_POST(self) -> None:
        """Answer a chat request."""
        simulator = self.server.simulator
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        names = frozenset(name.lower() for name in self.headers)
        request = RecordedRequest(self.path, body, names, self.headers.get("authorization"))
        simulator.record(request)
        behaviour = simulator.models.get(body.get("model", ""), simulator.behaviour)
        if behaviour.hang or behaviour.delay:
            self._wait(request, None if behaviour.hang else behaviour.delay)
            if request.disconnected or simulator.stopping.is_set():
                self.close_connection = True
                return
        text = behaviour.reply(body) if callable(behaviour.reply) else behaviour.reply
        if behaviour.status >= 400:  # noqa: PLR2004 - HTTP
            self._send(behaviour.status, {"error": {"message": text, "type": "simulated", "code": None}})
        elif body.get("stream"):
            self._stream(body, text, behaviour)
        else:
            self._send(200, _completion(body, text, behaviour))

    def _wait(self, request: RecordedRequest, seconds: float | None) -> None:
        """Wait for so long, or until the client or this server goes."""
        until = None if seconds is None else time.monotonic() + seconds
        simulator = self.server.simulator
        while not simulator.stopping.is_set() and (until is None or time.monotonic() < until):
            left = 0.05 if until is None else max(0.0, min(0.05, until - time.monotonic()))
            readable, _, _ = select.select([self.connection], [], [], left)
            if readable:
                simulator.note_disconnect(request)
                return

    def _stream(self, body: dict[str, Any], text: str, behaviour: Behaviour) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        shared = {
            "id": "chatcmpl-simulated",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": body.get("model"),
        }
        deltas = [
            {"role": "assistant", "content": ""},
            *({"content": piece} for piece in re.findall(r"\s*\S+|\s+", text)),
        ]
        for delta in deltas:
            self._event({**shared, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        self._event({**shared, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        if behaviour.usage and body.get("stream_options", {}).get("include_usage"):
            self._event({**shared, "choices": [], "usage": _usage(body, text)})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, data: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
        self.wfile.flush()

    def _send(self, status: int, data: dict[str, Any]) -> None:
        payload = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


def _completion(body: dict[str, Any], text: str, behaviour: Behaviour) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    completion = {
        "id": "chatcmpl-simulated",
        "object": "chat.completion",
        "created": 0,
        "model": body.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }
    return {**completion, "usage": _usage(body, text)} if behaviour.usage else completion


def _usage(body: dict[str, Any], text: str) -> dict[str, int]:
    """Count words as tokens."""
    sent = len(json.dumps(body.get("messages", [])).split())
    said = len(text.split())
    return {"prompt_tokens": sent, "completion_tokens": said, "total_tokens": sent + said}
