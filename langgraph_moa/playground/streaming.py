"""Events on their way to a reader, who may be slow, take nothing any more, or go away."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import NamedTuple

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import Message, Receive, Scope, Send

from langgraph_moa.playground.telling import Event
from langgraph_moa.surrogates import well_formed

logger = logging.getLogger(__name__)


class Unread:
    """Events that nobody has taken yet, in order, for one reader.

    What a node writes meanwhile is put together, and what it writes anew takes the place of what it wrote before, so
    that there are never more events than a run has requests and ends, and no more text than its answers.
    """

    def __init__(self) -> None:
        self._events: deque[_Waiting] = deque()
        self._growing: dict[str, _Waiting] = {}
        self._has_news = asyncio.Event()
        self._is_complete = False

    def __len__(self) -> int:
        """Return how many events wait."""
        return len(self._events)

    def put(self, event: Event) -> None:
        """Add an event."""
        self._has_news.set()
        if event["type"] == "piece":
            self._put_piece(event)
            return
        self._growing.pop(event.get("node", ""), None)
        self._events.append(_Waiting(event, []))

    def complete(self) -> None:
        """Say that none will follow."""
        self._is_complete = True
        self._has_news.set()

    async def taken(self) -> AsyncGenerator[Event]:
        """Take one event after the other, until none will follow."""
        while True:
            while self._events:
                yield self._next()
            if self._is_complete:
                return
            self._has_news.clear()
            await self._has_news.wait()

    def _put_piece(self, event: Event) -> None:
        waiting = self._growing.get(event["node"])
        if waiting is None:
            waiting = self._growing[event["node"]] = _Waiting(dict(event), [])
            self._events.append(waiting)
        elif event["begins"]:
            waiting.texts.clear()
            waiting.event["begins"] = True
        waiting.texts.append(event["text"])

    def _next(self) -> Event:
        waiting = self._events.popleft()
        event, texts = waiting
        if self._growing.get(event.get("node", "")) is waiting:
            del self._growing[event["node"]]
        return {**event, "text": "".join(texts)} if texts else event


class _Waiting(NamedTuple):
    """An event, and of a piece all texts that it is put together of."""

    event: Event
    texts: list[str]


class EventStream(EventSourceResponse):
    """Server-sent events whose source is closed when they end, also where the reader has gone away.

    The source has a task of its own: where a reader has gone, the task of the response is cancelled again and again
    until it ends, and a run that ended in it could not let go of its connections.

    Args:
        events: To be sent.
        patience: Seconds that the reader has to take each of them; after that it is let go.
        headers: Of the response.
    """

    def __init__(self, events: AsyncGenerator[Event], *, patience: float, headers: Mapping[str, str]) -> None:
        self._unread = Unread()
        super().__init__(self._encoded(), headers=headers)
        self._events = events
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until they end, or the reader has gone or takes nothing any more."""
        source = asyncio.create_task(self._follow())
        try:
            await super().__call__(scope, receive, self._in_time(send))
        except* _StalledError:
            logger.warning("a page took nothing for %g s: its run was stopped", self._patience)
        finally:
            source.cancel()
            await asyncio.wait([source])
        if not source.cancelled():
            source.result()

    def _in_time(self, send: Send) -> Send:
        """Bound every message, as `send_timeout` does not: the last one waits for all that were sent before."""

        async def sent(message: Message) -> None:
            try:
                async with asyncio.timeout(self._patience):
                    await send(message)
            except TimeoutError as error:
                raise _StalledError from error

        return sent

    async def _follow(self) -> None:
        try:
            async with aclosing(self._events) as events:
                async for event in events:
                    self._unread.put(event)
        finally:
            self._unread.complete()

    async def _encoded(self) -> AsyncGenerator[ServerSentEvent]:
        async with aclosing(self._unread.taken()) as events:
            async for event in events:
                written = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
                yield ServerSentEvent(well_formed(written))


class _StalledError(Exception):
    """The reader takes nothing any more."""
