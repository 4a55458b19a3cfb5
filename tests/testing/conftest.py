"""How tests ask a simulator without a client library."""

from __future__ import annotations

import json
import socket
import ssl
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from langgraph_moa.testing import Simulator

_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""To load those of this machine takes longer than a request."""
BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "one two"}]}


class Line(NamedTuple):
    """A connection with a request on it whose answer is not awaited."""

    socket: socket.socket

    def read(self) -> bytes:
        """Return all that the server sends until it closes the connection."""
        return b"".join(iter(lambda: self.socket.recv(65536), b""))


def ask(simulator: Simulator, **body: Any) -> httpx.Response:
    """Send a small request and return the response."""
    return request("POST", f"{simulator.url}/chat/completions", json={**BODY, **body})


def request(method: str, url: str, **options: Any) -> httpx.Response:
    """Send any request."""
    return httpx.request(method, url, verify=_NO_CERTIFICATES, timeout=30, **options)


def call(simulator: Simulator, **body: Any) -> Line:
    """Send a small request over a bare socket, which the caller closes."""
    data = json.dumps({**BODY, **body}).encode()
    address = urlsplit(simulator.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=30)
    head = f"POST {address.path}/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode() + data)
    return Line(connection)


def events(response: httpx.Response) -> list[str]:
    """Return the data of a stream's events."""
    return [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]


def streamed_text(response: httpx.Response) -> str:
    """Return the content that a whole stream adds up to."""
    *chunks, done = events(response)
    assert done == "[DONE]"
    deltas = [choice["delta"] for chunk in chunks for choice in json.loads(chunk)["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)
