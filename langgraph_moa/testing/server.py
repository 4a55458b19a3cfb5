"""Serves an ASGI application from a thread: no signal handler, no log, and nothing left when it stops."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_BACKLOG = 2048
_KEEP_ALIVE = 600
_silent = logging.getLogger("langgraph_moa.testing.server")
_silent.setLevel(logging.CRITICAL + 1)


class _Connection(HttpToolsProtocol):
    """A connection whose failures are no news: responses that break off are what the server is for."""

    def __init__(self, config: Config, server_state: ServerState) -> None:
        super().__init__(config=config, server_state=server_state, app_state={})
        self.logger = _silent
        self.access_log = False


class Server:
    """Runs from its construction to `stop`.

    Args:
        application: ASGI 3, for HTTP.
        host: Address to listen on.
        port: 0 lets the kernel choose.

    Raises:
        OSError: The address or the port cannot be used.
    """

    def __init__(self, application: Any, host: str, port: int) -> None:  # noqa: ANN401 - any ASGI application
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}"
        self._config = Config(
            application,
            lifespan="off",
            interface="asgi3",
            ws="none",
            log_config=None,
            timeout_keep_alive=_KEEP_ALIVE,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="moa-simulator", daemon=True)
        self._thread.start()
        started.result()

    def stop(self) -> None:
        """End every response, close every connection and return when the thread has ended; once is enough."""
        if self._thread.is_alive() and self._loop and self._stopping:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def _run(self, started: Future[None]) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(self._serve(started))
        except BaseException as error:  # raised to whoever waits for the start
            if started.done():
                raise
            started.set_exception(error)
        finally:
            self._socket.close()

    async def _serve(self, started: Future[None]) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._config.load()
        state = ServerState()
        listener = await self._loop.create_server(
            lambda: _Connection(self._config, state), sock=self._socket, backlog=_BACKLOG
        )
        started.set_result(None)
        await self._stopping.wait()
        listener.close()
        await asyncio.sleep(0)  # connections that the kernel has accepted already appear
        while state.connections or state.tasks:
            await _end(state)
        await listener.wait_closed()


async def _end(state: ServerState) -> None:
    """Break off every connection and response that there is now."""
    tasks = list(state.tasks)
    for connection in list(state.connections):
        connection.transport.abort()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the fastest event loop there is."""
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return asyncio.new_event_loop
    return uvloop.new_event_loop
