"""Runs a server until it is told to stop: one process, or several workers on one socket."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.serving.app import create_app
from langgraph_moa.serving.catalogue import Catalogue
from langgraph_moa.serving.idle import AttentiveProtocol
from langgraph_moa.serving.metrics import FOLDER_VARIABLE
from langgraph_moa.serving.settings import Settings

_BACKLOG = 2048
_KEEP_ALIVE = 30
_LONGEST_TIMEOUT = 2**31 - 1
"""Milliseconds; the system counts no further."""
_UNANSWERED = 20
"""Seconds after which a worker that says nothing is taken for dead; a busy one may say nothing for some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How a server runs.

    Raises:
        ConfigurationError: A value is out of its range.
    """

    port: int = 8000
    """0 lets the system choose."""
    workers: int = 1
    """Processes. What a mixture's `limits` allow holds for each of them."""
    grace: float = 20.0
    """Seconds that running requests have to end when the server is stopped; then they are cancelled."""

    def __post_init__(self) -> None:
        """Check every field."""
        checks.whole_number("Running.port", self.port, low=0, high=65535)
        checks.whole_number("Running.workers", self.workers, low=1, high=64)
        checks.number("Running.grace", self.grace, above=0)


def serve(sources: Sequence[str], settings: Settings, running: Running, ready: Callable[[str], None]) -> None:
    """Serve mixtures until SIGINT or SIGTERM; requests that are running then have some seconds to end.

    Args:
        sources: Presets and mixture files, as for `Catalogue`.
        settings: Who may ask, and how much.
        running: The port, and how many processes.
        ready: Is called once with the address, when requests are taken.

    Raises:
        ConfigurationError: A source is wrong, or the address cannot be listened on.
    """
    Catalogue(sources).read_all()
    listening = _listen(settings.host, running.port, settings.patience)
    with listening, _signals_ending_quietly():
        address = _address(settings.host, listening.getsockname()[1])
        build = partial(application, tuple(sources), settings)
        if running.workers == 1:
            _Server(_config(build, settings, running), partial(ready, address)).run(sockets=[listening])
            return
        with _shared_metrics():
            config = _config(build, settings, running)
            supervisor = Multiprocess(config, sockets=[listening])  # hears signals from here on
            ready(address)
            supervisor.run()


def application(sources: Sequence[str], settings: Settings) -> Starlette:
    """Return the application of one process, which logs to stderr."""
    _log_to_stderr()
    return create_app(Catalogue(sources), settings)


class _Server(uvicorn.Server):
    """Says when it takes requests."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def _config(build: Callable[[], Starlette], settings: Settings, running: Running) -> uvicorn.Config:
    return uvicorn.Config(
        build,
        factory=True,
        workers=running.workers,
        lifespan="off",
        interface="asgi3",
        http=partial(AttentiveProtocol, settings.patience),  # type: ignore[arg-type]  # it makes one, as a class does
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_worker_healthcheck=_UNANSWERED,
        timeout_graceful_shutdown=running.grace,  # type: ignore[arg-type]  # typed as whole seconds, and used as any
    )


def _listen(host: str, port: int, patience: float) -> socket.socket:
    try:
        family = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host.strip("[]"), port), family=family, backlog=_BACKLOG)
    except OSError as error:
        advice = "Choose another --port (0 lets the system choose), or stop what listens there"
        raise ConfigurationError(f"cannot listen on {host}, port {port}: {error.strerror}. {advice}") from error
    drop_stalled(listening, 2 * patience)
    return listening


def drop_stalled(listening: socket.socket, seconds: float) -> None:
    """Let the system drop a connection whose client takes nothing for so long, where it can.

    A server closes a connection when all that it wrote is sent; who never reads would keep it for ever.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, min(round(seconds * 1000), _LONGEST_TIMEOUT))


def _address(host: str, port: int) -> str:
    name = host.strip("[]")
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for name in ("langgraph_moa", "uvicorn.error"):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """Give the workers a folder for what Prometheus is told: they must find it named when they import its client."""
    with tempfile.TemporaryDirectory(prefix="moa-metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER_VARIABLE]


@contextmanager
def _signals_ending_quietly() -> Iterator[None]:
    """Keep the signals that the server hears, and raises again when it has ended, from killing the process."""
    heard = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: None) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
