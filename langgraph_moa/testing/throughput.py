"""How many requests per second the simulator serves: `python -m langgraph_moa.testing.throughput`.

The clients are bare sockets in a process of their own, so that the figure is the server's and not a client library's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import re
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from langgraph_moa.testing.behaviour import Behaviour
from langgraph_moa.testing.server import loop_factory
from langgraph_moa.testing.simulator import Simulator

_LENGTH = re.compile(rb"content-length: (\d+)\r\n")
_LAST_CHUNK = b"\r\n0\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """One measurement."""

    requests: int
    seconds: float
    cpu: float
    """Seconds of processor time that the server took."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def measure(*, streams: bool, seconds: float, connections: int, tokens: int) -> Throughput:
    """Ask a simulator again and again over several connections, and count.

    Args:
        streams: Whether answers are server-sent events or one JSON body.
        seconds: Length of the measurement.
        connections: Held open together; each has one request under way.
        tokens: Of each answer.
    """
    spawn = multiprocessing.get_context("spawn")
    with (
        Simulator(Behaviour(reply=" ".join(["word"] * tokens)), keep=0) as simulator,
        ProcessPoolExecutor(1, mp_context=spawn) as clients,
    ):
        clients.submit(drive, simulator.url, streams=streams, seconds=0.2, connections=connections).result()
        cpu = time.process_time()
        work = clients.submit(drive, simulator.url, streams=streams, seconds=seconds, connections=connections)
        requests, elapsed = work.result()
        return Throughput(requests=requests, seconds=elapsed, cpu=time.process_time() - cpu)


def drive(url: str, *, streams: bool, seconds: float, connections: int) -> tuple[int, float]:
    """Ask for so long; return the number of complete responses and the seconds that it took."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_drive(url, request_bytes(url, streams=streams), seconds, connections))


def request_bytes(url: str, *, streams: bool) -> bytes:
    """Return one chat request as it goes over the wire."""
    body = json.dumps({"model": "any", "messages": [{"role": "user", "content": "Why?"}], "stream": streams}).encode()
    parts = urlsplit(url)
    head = f"POST {parts.path}/chat/completions HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def response_end(received: bytes | bytearray) -> bool:
    """Say whether a response is complete, by its length or by its last chunk."""
    head = received.find(b"\r\n\r\n")
    length = _LENGTH.search(received, 0, head + 2) if head >= 0 else None
    if length:
        return len(received) >= head + 4 + int(length[1])
    return head >= 0 and received.endswith(_LAST_CHUNK)


class _Client(asyncio.Protocol):
    def __init__(self, request: bytes) -> None:
        self.request = request
        self.answered = 0
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._transport is not None and response_end(self._received):
            self.answered += 1
            self._received.clear()
            self._transport.write(self.request)


async def _drive(url: str, request: bytes, seconds: float, connections: int) -> tuple[int, float]:
    loop = asyncio.get_running_loop()
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    begin = time.monotonic()
    opened = [await loop.create_connection(lambda: _Client(request), host, port) for _ in range(connections)]
    await asyncio.sleep(seconds)
    answered = sum(client.answered for _, client in opened)
    elapsed = time.monotonic() - begin
    for transport, _ in opened:
        transport.abort()
    await asyncio.sleep(0)
    return answered, elapsed


def main(arguments: Sequence[str]) -> None:
    """Measure JSON and streams, and print a line for each."""
    parser = argparse.ArgumentParser(prog="langgraph_moa.testing.throughput", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=16)
    options = parser.parse_args(arguments)
    for name, streams in (("JSON", False), ("SSE", True)):
        result = measure(
            streams=streams, seconds=options.seconds, connections=options.connections, tokens=options.tokens
        )
        milliseconds = 1000 * result.cpu / max(1, result.requests)
        sys.stdout.write(f"{name}: {result.rate:.0f} requests/s, {milliseconds:.3f} ms of processor time each\n")


if __name__ == "__main__":
    main(sys.argv[1:])
