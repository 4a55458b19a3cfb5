"""aimock, a mock provider that this project did not write: what it is told to answer, and what it was asked."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.contract.child_server import ChildServer

HERE = Path(__file__).parent
_PROGRAM = HERE / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
_OLDEST_NODE = (20, 15)
_END_WITH_PARENT = 'data:text/javascript,process.stdin.resume().on("end",()=>process.exit(0))'

Fixture = dict[str, Any]
"""What aimock answers, and when: see the package's own documentation."""


@dataclass(frozen=True, kw_only=True)
class JournalEntry:
    """A chat request as aimock saw it."""

    model: str
    body: dict[str, Any]
    headers: Mapping[str, str]
    """By lower-case name; aimock leaves keys out."""
    status: int
    """Of the answer; 0 where the connection was closed before one."""
    seconds: float
    """Unix time of the answer."""


class Aimock:
    """The running server.

    Args:
        url: Without a path.
    """

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc
        self.base_url = f"{url}/v1"

    def reset(self) -> None:
        """Forget all fixtures, requests and counts."""
        self._call("POST", "/reset")

    def answer(self, *fixtures: Fixture) -> None:
        """Add fixtures; of those that match a request, the first answers it."""
        self._call("POST", "/fixtures", {"fixtures": fixtures})

    def journal(self, model: str | None = None) -> list[JournalEntry]:
        """Return the chat requests in the order of their answers; with a name, those for that model."""
        entries = [
            JournalEntry(
                model=entry["body"]["model"],
                body=entry["body"],
                headers=entry["headers"],
                status=entry["response"]["status"],
                seconds=entry["timestamp"] / 1000,
            )
            for entry in self._call("GET", "/journal?path=/chat/completions")
        ]
        return [entry for entry in entries if model in {None, entry.model}]

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        with closing(http.client.HTTPConnection(self._address, timeout=10)) as connection:
            sent = None if body is None else json.dumps(body)
            connection.request(method, f"/__aimock{path}", sent, {"content-type": "application/json"})
            response = connection.getresponse()
            text = response.read().decode()
        assert response.status == http.client.OK, f"{method} {path}: {response.status} {text}"
        return json.loads(text)


def says(model: str, text: str, *, tokens: tuple[int, int] = (1, 1), match: Fixture | None = None) -> Fixture:
    """Return a fixture: a model's answer.

    Args:
        model: It answers requests for this one only.
        text: The answer.
        tokens: Reported for the request and for the answer.
        match: Further conditions on the request.
    """
    sent, said = tokens
    usage = {"prompt_tokens": sent, "completion_tokens": said, "total_tokens": sent + said}
    return {"match": {"model": model, **(match or {})}, "response": {"content": text, "usage": usage}}


def fails(model: str, status: int, *, retry_after: float | None = None, match: Fixture | None = None) -> Fixture:
    """Return a fixture: an HTTP error, with seconds to wait for a 429 if they are given."""
    error = {"message": f"planned {status}", "type": "planned"}
    waiting = {} if retry_after is None else {"retryAfter": retry_after}
    return {"match": {"model": model, **(match or {})}, "response": {"error": error, "status": status, **waiting}}


def in_turn(*fixtures: Fixture) -> list[Fixture]:
    """Let fixtures with the same conditions answer one request each; the last answers all further ones too."""
    *first, last = fixtures
    numbered = [
        {**fixture, "match": {**fixture["match"], "sequenceIndex": index}} for index, fixture in enumerate(first)
    ]
    return [*numbered, last]


def missing() -> str | None:
    """Say what is not installed; `None` when aimock can be started."""
    node = shutil.which("node")
    if node is None:
        return "node is not installed: install Node.js 20.15 or newer, then run `make test`"
    version = subprocess.run([node, "--version"], check=True, capture_output=True, text=True).stdout
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _OLDEST_NODE:
        return f"node {version.strip()} is too old for aimock: install Node.js 20.15 or newer, then run `make test`"
    return None if _PROGRAM.exists() else "aimock is not installed: run `make test`, or `npm ci` in tests/contract"


def server(fixtures: Path) -> ChildServer:
    """Return aimock on a port that the kernel chooses, not yet started.

    Args:
        fixtures: An empty folder.
    """
    command = ["node", "--import", _END_WITH_PARENT, str(_PROGRAM), "--port", "0", "--fixtures", str(fixtures)]
    return ChildServer(command, environment={"PATH": os.environ["PATH"]})
