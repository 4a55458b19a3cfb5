"""Connections on which no request comes: they hold a file descriptor of the server, and are closed after a time."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol


class AttentiveProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # which one it is, is known when it runs
    """Closes a connection that asks nothing between two looks at it: silent, or with a head that never ends.

    Uvicorn does so behind an answer alone, and never where a client sends a byte now and then.

    Args:
        patience: Seconds between two looks; an idle connection lives at most twice as long.
        rest: As uvicorn gives it.
    """

    def __init__(self, patience: float, **rest: Any) -> None:  # noqa: ANN401
        super().__init__(**rest)
        self._patience = patience
        self._answered: object = None
        self._next_look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to look."""
        super().connection_made(transport)
        self._next_look = self.loop.call_later(self._patience, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._next_look is not None:
            self._next_look.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering or self.cycle is not self._answered:
            self._answered = self.cycle
            self._next_look = self.loop.call_later(self._patience, self._look)
        elif self.transport.is_closing():
            self.transport.abort()  # what was sent is not read either
        else:
            self.transport.close()
            self._next_look = self.loop.call_later(self._patience, self._look)
