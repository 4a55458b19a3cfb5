"""A real `langgraph dev` in a folder of its own, whose `openai:` models are those of a simulator."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from langgraph_moa.testing import Behaviour, Simulator

ROOT = Path(__file__).parents[2]
ANSWER = "It is forty-two, say the proposers."
STUCK, HANGING = "stuck", "hanging"
"""Models that never answer."""
MIXTURE = """
name = "served"

[[layers]]
proposers = [
  "openai:first",
  { model = { name = "panel", proposers = ["openai:inner"], aggregator = "openai:chair" }, name = "panel" },
]

[aggregator]
model = "openai:judge"
"""
COMMAND = ("dev", "--no-browser", "--no-reload", "--n-jobs-per-worker", "10")
_START = 60.0
"""Seconds for the server to be ready: two on an idle machine."""
_QUIET = {"LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGGRAPH_NO_VERSION_CHECK": "1", "LANGSMITH_TRACING": "false"}


@dataclass(frozen=True)
class Served:
    """A server that runs, and the provider behind it."""

    url: str
    provider: Simulator

    def client(self) -> LangGraphClient:
        """Return a client for the running event loop."""
        return get_client(url=self.url, api_key=None)


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Serve the repository's `langgraph.json` from a folder that is nobody else's; the process ends with the context.

    Raises:
        RuntimeError: The server ended, or was not ready in time; the message ends with its log.
    """
    shutil.copy(ROOT / "langgraph.json", folder)
    (folder / "mixture.toml").write_text(MIXTURE, encoding="utf-8")
    log = folder / "server.log"
    with (
        Simulator(
            models={"judge": Behaviour(reply=ANSWER), STUCK: Behaviour(hang=True), HANGING: Behaviour(hang=True)}
        ) as provider,
        log.open("wb") as written,
    ):
        port = _free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "langgraph_cli", *COMMAND, "--port", str(port)],
            cwd=folder,
            env=_environment(folder, provider),
            stdout=written,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(port, process, log)
            yield Served(f"http://127.0.0.1:{port}", provider)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(folder: Path, provider: Simulator) -> dict[str, str]:
    own = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG") if name in os.environ}
    keys = {"OPENAI_BASE_URL": provider.url, "OPENAI_API_KEY": "simulated"}
    return {**own, **_QUIET, **keys, "HOME": str(folder), "LANGGRAPH_MOA_PRESET": "mixture.toml"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < end:
        with closing(HTTPConnection("127.0.0.1", port, timeout=1)) as connection:
            try:
                connection.request("GET", "/ok")
                if connection.getresponse().status == HTTPStatus.OK:
                    return
            except (OSError, HTTPException):
                time.sleep(0.1)
    raise RuntimeError(f"langgraph dev did not start: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
