"""Server-sent events: a response that ends when its client has gone, or takes nothing any more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Literal, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from langgraph_moa.serving.guard import closed
from langgraph_moa.waiting import end_all

Result = TypeVar("Result")
LAST = b"data: [DONE]\n\n"
End = Literal["sent", "disconnected", "stalled", "failed"]


def event(data: Mapping[str, Any]) -> bytes:
    """Return an event that holds an object."""
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


def comment(text: str) -> bytes:
    """Return a line that clients pass over."""
    return b": " + " ".join(text.split()).encode("utf-8", "replace") + b"\n\n"


async def with_pulse(lines: AsyncGenerator[bytes], seconds: float) -> AsyncGenerator[bytes]:
    """Yield lines, and after so many seconds of silence one that says that the stream lives."""
    upcoming: asyncio.Future[bytes] | None = None
    try:
        while True:
            upcoming = upcoming or asyncio.ensure_future(anext(lines))
            await asyncio.wait([upcoming], timeout=seconds)
            if not upcoming.done():
                yield comment("working")
                continue
            arrived, upcoming = upcoming, None
            try:
                yield arrived.result()
            except StopAsyncIteration:
                return
    finally:
        if upcoming is not None:
            await end_all([upcoming])
        if upcoming is None or upcoming.done():
            await lines.aclose()


class EventStream(Response):
    """A stream of events.

    Args:
        lines: To be sent; closed in the end, whatever happens.
        patience: Seconds that the client has to take each of them.
        ended: Is told how the stream ended.
    """

    media_type = "text/event-stream"

    def __init__(self, lines: AsyncGenerator[bytes], *, patience: float, ended: Callable[[End], None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._lines = lines
        self._patience = patience
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the lines until they end, or the client has gone or takes nothing any more."""
        sending = asyncio.ensure_future(self._send_all(send))
        end: End = "failed"
        try:
            end = await unless_gone(receive, sending) or "disconnected"
        finally:
            self._ended(end)

    async def _send_all(self, send: Send) -> End:
        async with aclosing(self._lines) as lines:
            try:
                await self._sent(send({"type": "http.response.start", "status": 200, "headers": self.raw_headers}))
                async for line in lines:
                    await self._sent(send({"type": "http.response.body", "body": line, "more_body": True}))
                await self._sent(send({"type": "http.response.body", "body": b"", "more_body": False}))
            except _StalledError:
                return "stalled"
        return "sent"

    async def _sent(self, sending: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await sending
        except TimeoutError as error:
            raise _StalledError from error


class _StalledError(Exception):
    """The client takes nothing any more."""


async def unless_gone(receive: Receive, work: asyncio.Future[Result]) -> Result | None:
    """Await work, or cancel it when the client has gone: then `None` is returned.

    Raises:
        Exception: Whatever the work raises.
    """
    gone = asyncio.ensure_future(closed(receive))
    try:
        await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
        return work.result() if work.done() else None
    finally:
        await end_all([work, gone])
