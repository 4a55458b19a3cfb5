"""A server on loopback that takes what LangSmith's client and OpenTelemetry's exporter send."""

from __future__ import annotations

import gzip
import json
from collections.abc import Awaitable, Callable, MutableMapping
from email import message_from_bytes
from types import TracebackType
from typing import Any, Self

import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from langgraph_moa.testing.server import Server
from tests.tracing.trees import TracedRun, trees_of_runs, trees_of_spans

_Message = MutableMapping[str, Any]


class Receiver:
    """Rebuilds what it is sent; it serves within a `with` statement.

    Args:
        multipart: Whether it tells LangSmith's client to send parts, rather than JSON.
        zstd: Whether it tells the client to compress them.
    """

    def __init__(self, *, multipart: bool = True, zstd: bool = True) -> None:
        self.bodies: list[bytes] = []
        """Of every request, decompressed."""
        self.paths: list[str] = []
        self.feedback: list[dict[str, Any]] = []
        """What was said of runs."""
        self.errors: list[Exception] = []
        """What could not be read."""
        self._runs: dict[str, dict[str, Any]] = {}
        self._spans: list[Span] = []
        self._info = {
            "version": "0.0.0",
            "instance_flags": {"zstd_compression_enabled": zstd},
            "batch_ingest_config": {
                "use_multipart_endpoint": multipart,
                "scale_up_qsize_trigger": 1000,
                "scale_up_nthreads_limit": 16,
                "scale_down_nempty_trigger": 4,
                "size_limit": 100,
                "size_limit_bytes": 20_000_000,
            },
        }
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self._server = Server(self._serve, "127.0.0.1", 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.stop()

    @property
    def url(self) -> str:
        """What `LANGSMITH_ENDPOINT` is set to."""
        if self._server is None:
            msg = "the receiver does not run: use it in a `with` statement"
            raise RuntimeError(msg)
        return self._server.url

    @property
    def traces(self) -> list[TracedRun]:
        """The roots of what LangSmith's client has sent."""
        return trees_of_runs(self._runs.values())

    @property
    def span_traces(self) -> list[TracedRun]:
        """The roots of what OpenTelemetry's exporter has sent."""
        return trees_of_spans(self._spans)

    async def _serve(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        """Answer a request, as an ASGI application."""
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = _decompressed(await _whole_body(receive), headers.get("content-encoding", ""))
        self.paths.append(scope["path"])
        self.bodies.append(body)
        try:
            account = self.answer(scope["method"], scope["path"], scope["query_string"].decode(), body)
            status, answer = account or self._take(scope["path"], headers.get("content-type", ""), body)
        except Exception as error:  # noqa: BLE001 - the test is told, and the client too
            self.errors.append(error)
            status, answer = 500, repr(error).encode()
        kind = b"application/x-protobuf" if scope["path"].endswith("/traces") else b"application/json"
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": answer})

    def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[int, bytes] | None:
        """Return status and body for what is no trace; `None`: it is one. A receiver of traces alone knows no other."""
        return None

    def _take(self, path: str, kind: str, body: bytes) -> tuple[int, bytes]:
        """Return the status and the body of the answer."""
        if path == "/info":
            return 200, json.dumps(self._info).encode()
        if path == "/runs/multipart":
            self._take_parts(kind, body)
        elif path == "/runs/batch":
            batch = json.loads(body)
            for run in (*batch.get("post", ()), *batch.get("patch", ())):
                self._merge(run["id"], run)
        elif path in {"/v1/traces", "/otel/v1/traces"}:
            self._take_spans(body)
            return 200, b""
        else:
            return 404, b"{}"
        return 202, b"{}"

    def _take_parts(self, kind: str, body: bytes) -> None:
        for part in message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body).walk():
            if part.is_multipart():
                continue
            payload = part.get_payload(decode=True)
            value = json.loads(payload if isinstance(payload, bytes) else b"null")
            operation, run_id, *field = str(part.get_param("name", header="content-disposition")).split(".")
            if operation == "feedback":
                self.feedback.append(value)
                continue
            if operation not in {"post", "patch"}:
                msg = f"a part of an unknown kind: {operation}"
                raise ValueError(msg)
            self._merge(run_id, {field[0]: value} if field else value)

    def _take_spans(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        self._spans += [
            span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
        ]

    def _merge(self, run_id: str, values: dict[str, Any]) -> None:
        """Add what is known of a run; a patch does not unsay what was posted."""
        known = {key: value for key, value in values.items() if value is not None}
        self._runs.setdefault(run_id, {}).update(known)


async def _whole_body(receive: Callable[[], Awaitable[_Message]]) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _decompressed(body: bytes, encoding: str) -> bytes:
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return gzip.decompress(body) if encoding == "gzip" else body
