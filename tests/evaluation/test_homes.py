"""Copies of data sets from their public homes."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.homes import HOMES, fetched


class _Home(BaseHTTPRequestHandler):
    """Has one file."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/there" else 404)
        self.end_headers()
        self.wfile.write(b"content")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def home() -> Iterator[str]:
    """Return the address of a server with the file `there`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Home) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_fetched_once(home: str, tmp_path: Path) -> None:
    """A data set is fetched where there is no copy, and the copy is used from then on."""
    path = fetched("a/set.jsonl", tmp_path, {"a/set.jsonl": f"{home}/there"})
    assert path.read_bytes() == b"content"
    assert fetched("a/set.jsonl", tmp_path, {"a/set.jsonl": f"{home}/gone"}) == path


def test_nothing_is_kept_of_a_failure(home: str, tmp_path: Path) -> None:
    """What cannot be fetched is told with its address and what to do, and leaves no file."""
    with pytest.raises(ConfigurationError, match=r"/gone: .*--data"):
        fetched("set.jsonl", tmp_path, {"set.jsonl": f"{home}/gone"})
    assert list(tmp_path.iterdir()) == []


def test_homes_are_encrypted() -> None:
    """Every public home is reached over HTTPS."""
    assert all(address.startswith("https://") for address in HOMES.values())
