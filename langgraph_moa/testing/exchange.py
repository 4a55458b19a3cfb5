"""One chat request and its response, at the pace and with the faults of a model."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from http import HTTPStatus
from typing import Any

from langgraph_moa.testing import protocol
from langgraph_moa.testing.answers import Answer, answer_to, expected_tokens
from langgraph_moa.testing.behaviour import Behaviour
from langgraph_moa.testing.buckets import Shortage
from langgraph_moa.testing.faults import Fault
from langgraph_moa.testing.models import RunningModel
from langgraph_moa.testing.record import Record, RecordedRequest
from langgraph_moa.testing.strictness import refusal_of
from langgraph_moa.testing.tokens import count_prompt_tokens
from langgraph_moa.threads import in_thread

_BATCH = 256
_INSTANT = 1e-6
_DECIMALS = 6
_ERRORS: dict[Fault, tuple[int, str, str]] = {
    "server_error": (500, "server_error", "The server had an error while processing your request."),
    "unavailable": (503, "server_error", "The engine is overloaded, please try again later."),
}
_GATEWAY_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"


class ClientGoneError(Exception):
    """The client has closed the connection."""


class Exchange:
    """Answers one request.

    Args:
        request: As it was recorded.
        number: Of the request, counted from 1.
        record: Where its course is noted.
        receive: ASGI; tells when the client goes.
        send: ASGI.
    """

    def __init__(
        self,
        request: RecordedRequest,
        number: int,
        record: Record,
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        self._request = request
        self._number = number
        self._record = record
        self._receive = receive
        self._send = send

    async def answer(self, model: RunningModel) -> None:
        """Answer as a model does, or play the fault whose turn it is."""
        try:
            await self._answer(model)
        except ClientGoneError:
            self._record.disconnect(self._request)

    async def fail(self, status: int, body: bytes, retry_after: float | None = None) -> None:
        """Send an error.

        Args:
            status: From 400 on.
            body: JSON.
            retry_after: Seconds that the client is asked to wait.
        """
        await self._whole(status, body, [] if retry_after is None else waiting_headers(retry_after))

    async def crash(self, error: Exception) -> None:
        """Tell the client of an error that no fault has planned; a response that has begun breaks off."""
        if self._request.status is not None:
            raise error
        await self.fail(500, protocol.error(f"the simulator failed: {error!r}", "simulator_error"))

    async def _answer(self, model: RunningModel) -> None:
        behaviour, body = model.behaviour, self._request.body
        refusal = refusal_of(body, model.providers)
        if refusal:
            await self.fail(400, protocol.encode(refusal))
            return
        tokens = expected_tokens(body, behaviour) if model.allowance.counts_tokens else 0
        shortage = model.allowance.admit(tokens, time.monotonic())
        if shortage:
            self._record.play(self._request, "rate_limit")
            await self._turn_away(shortage)
            return
        fault, delay = model.faults.next(), model.draw_delay()
        window = behaviour.context_window
        if window is not None and count_prompt_tokens(body) > window:
            fault = "context_length"
        if fault:
            self._record.play(self._request, fault)
        if fault == "rate_limit":
            text = "Rate limit reached for requests."
            await self.fail(429, protocol.error(text, "requests", "rate_limit_exceeded"), behaviour.retry_after)
        elif fault == "context_length":
            await self._refuse_length(window)
        elif fault == "hang" or behaviour.hang:
            await self._pause(math.inf)
        else:
            await self._pause(delay)
            await self._begin(model, fault)

    async def _begin(self, model: RunningModel, fault: Fault | None) -> None:
        """Send what comes after the delay: an error, pings or an answer."""
        behaviour = model.behaviour
        if fault == "bad_gateway":
            await self._whole(502, _GATEWAY_PAGE, kind=b"text/html")
            return
        if fault in _ERRORS:
            status, kind, message = _ERRORS[fault]
            wait = behaviour.retry_after if status == HTTPStatus.SERVICE_UNAVAILABLE else None
            await self.fail(status, protocol.error(message, kind), wait)
            return
        if fault == "pings":
            await self._ping(behaviour.ping_interval)
            return
        try:
            text = await self._reply(behaviour)
        except (ClientGoneError, asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - a test's own function, or pytest.fail(); the client is told
            message = f"the function in Behaviour.reply raised {error!r}"
            await self.fail(500, protocol.error(message, "simulator_error"))
            return
        if behaviour.status >= HTTPStatus.BAD_REQUEST:
            asks_to_wait = behaviour.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
            wait = behaviour.retry_after if asks_to_wait else None
            await self.fail(behaviour.status, protocol.error(text, "simulated"), wait)
            return
        cached = await self._read_prompt(model)
        answer = answer_to(self._request.body, text, behaviour, fault, self._number, cached=cached)
        send = self._stream if self._request.body.get("stream") else self._complete
        await send(answer, behaviour, fault)

    async def _read_prompt(self, model: RunningModel) -> int | None:
        """Take the time that reading the prompt takes; return the tokens that were cached, `None` without a cache."""
        body, pace, prompts = self._request.body, model.behaviour.prompt_tokens_per_second, model.prompts
        cached = None if prompts is None else prompts.cached_tokens(body)
        if pace is not None:
            await self._pause((count_prompt_tokens(body) - (cached or 0)) / pace)
        if prompts is not None:
            prompts.keep(body)
        return cached

    async def _reply(self, behaviour: Behaviour) -> str:
        """Return the reply; a function runs in a thread, so that it may block."""
        if isinstance(behaviour.reply, str):
            return behaviour.reply
        work = asyncio.ensure_future(in_thread(behaviour.reply, self._request.body))
        gone = asyncio.ensure_future(self._gone())
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise ClientGoneError
            reply = work.result()
        finally:
            work.cancel()
            gone.cancel()
        if not isinstance(reply, str):
            msg = f"it must return text, got {type(reply).__name__}"
            raise TypeError(msg)
        return reply

    async def _complete(self, answer: Answer, behaviour: Behaviour, fault: Fault | None) -> None:
        """Send an answer as one JSON body, after the time that a stream would take."""
        await self._pause(behaviour.time_to_first_token + _writing_time(answer, behaviour))
        body = protocol.completion(answer)
        half = body[: len(body) // 2]
        if fault == "malformed":
            await self._whole(200, half)
        elif fault == "disconnect":
            await self._start(200, b"application/json", [(b"content-length", str(len(body)).encode())])
            await self._part(half)
        else:
            await self._whole(200, body)

    async def _stream(self, answer: Answer, behaviour: Behaviour, fault: Fault | None) -> None:
        """Send an answer as server-sent events."""
        options = self._request.body.get("stream_options")
        writer = protocol.EventWriter(
            answer,
            with_usage=isinstance(options, dict) and bool(options.get("include_usage")),
            odd_tool_chunks=fault == "odd_tool_chunks",
        )
        events = list(writer.tokens())
        breaks = fault in {"disconnect", "malformed"}
        shown = events[: len(events) // 2] if breaks else events
        closing = [] if breaks else list(writer.closing())
        await self._start(200, b"text/event-stream")
        if behaviour.time_to_first_token or behaviour.tokens_per_second:
            await self._events(list(writer.opening()))
            await self._pause(behaviour.time_to_first_token)
            await self._paced(shown, _writing_time(answer, behaviour) / max(1, len(events)))
            rest: Sequence[bytes] = closing
        else:
            rest = await self._at_once([*writer.opening(), *shown, *closing])
        if fault == "disconnect":
            await self._events(rest)
        else:
            await self._events(rest, end=protocol.BROKEN_EVENT if breaks else protocol.DONE)

    async def _paced(self, events: Sequence[bytes], interval: float) -> None:
        """Send one event after the other; those that are late go out together."""
        begin, sent = time.monotonic(), 0
        while sent < len(events):
            elapsed = time.monotonic() - begin
            due = min(len(events), max(sent, int(elapsed / interval)) + 1) if interval else len(events)
            await self._events(events[sent:due])
            sent = due
            await self._pause(begin + sent * interval - time.monotonic())

    async def _at_once(self, events: Sequence[bytes]) -> Sequence[bytes]:
        """Send events as fast as they are taken, but for the last ones, which are returned."""
        rest = events
        while len(rest) > _BATCH:
            await self._events(rest[:_BATCH])
            await self._pause(_INSTANT)
            rest = rest[_BATCH:]
        return rest

    async def _ping(self, interval: float) -> None:
        """Send signs of life and nothing else until the client goes."""
        is_stream = bool(self._request.body.get("stream"))
        await self._start(200, b"text/event-stream" if is_stream else b"application/json")
        while True:
            await self._part(protocol.PING if is_stream else b"\n")
            await self._pause(interval)

    async def _turn_away(self, shortage: Shortage) -> None:
        """Send 429 for an allowance that is used up."""
        if math.isinf(shortage.wait):
            text = f"Request too large: it needs more {shortage.unit} than are ever allowed at once."
            await self.fail(429, protocol.error(text, shortage.unit, "rate_limit_exceeded"))
            return
        text = f"Rate limit reached for {shortage.unit}. Please try again in {milliseconds(shortage.wait)} ms."
        await self.fail(429, protocol.error(text, shortage.unit, "rate_limit_exceeded"), shortage.wait)

    async def _refuse_length(self, window: int | None) -> None:
        given = count_prompt_tokens(self._request.body)
        limit = max(1, given - 1) if window is None else window
        text = (
            f"This model's maximum context length is {limit} tokens. However, your messages resulted in {given} tokens."
        )
        await self.fail(400, protocol.error(text, "invalid_request_error", "context_length_exceeded"))

    async def _pause(self, seconds: float) -> None:
        """Wait for so long.

        Raises:
            ClientGoneError: The client goes first.
        """
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                await self._gone()
        except TimeoutError:
            return
        raise ClientGoneError

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _whole(
        self,
        status: int,
        body: bytes,
        headers: Iterable[tuple[bytes, bytes]] = (),
        kind: bytes = b"application/json",
    ) -> None:
        length = (b"content-length", str(len(body)).encode())
        await self._start(status, kind, [length, *headers])
        await self._part(body, more=False)

    async def _start(self, status: int, kind: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._request.status = status
        start = {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind), *headers]}
        await self._send(start)

    async def _events(self, events: Sequence[bytes], end: bytes = b"") -> None:
        """Send some events; with an `end`, the response is complete."""
        self._request.chunks += len(events)
        await self._part(b"".join([*events, end]), more=not end)

    async def _part(self, body: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


def waiting_headers(seconds: float) -> list[tuple[bytes, bytes]]:
    """Return the headers that ask a client to wait: in whole seconds, as HTTP wants it, and in milliseconds."""
    exact = milliseconds(seconds)
    return [(b"retry-after", str(math.ceil(exact / 1000)).encode()), (b"retry-after-ms", str(exact).encode())]


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds, rounded up, but not for what binary fractions cannot hold."""
    return math.ceil(round(seconds * 1000, _DECIMALS))


def _writing_time(answer: Answer, behaviour: Behaviour) -> float:
    """Return the seconds that a model takes to write its answer."""
    return answer.tokens / behaviour.tokens_per_second if behaviour.tokens_per_second else 0.0
