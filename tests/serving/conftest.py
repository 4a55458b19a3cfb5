"""A server as its users start it: `moa serve` in a process of its own, in front of a simulated provider."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from langgraph_moa.testing import Behaviour, Simulator, ToolCall

PROVIDER_KEY = "sk-a-key-of-the-provider-0000"
PANEL = """
name = "{name}"
quorum = {quorum}
[limits]
[[proposers]]
model = "openai:one"
[[proposers]]
model = "openai:{second}"
[aggregator]
model = "openai:{aggregator}"
"""


class Served(NamedTuple):
    """A server that runs."""

    url: str
    """Ends in /v1."""
    process: subprocess.Popen[str]
    folder: Path
    """Where the mixture files are."""

    @property
    def root(self) -> str:
        """The address without /v1."""
        return self.url.removesuffix("/v1")


def panel(folder: Path, name: str, *, second: str = "two", aggregator: str = "echo", quorum: int = 1) -> Path:
    """Write a mixture file."""
    path = folder / f"{name}.toml"
    path.write_text(PANEL.format(name=name, second=second, aggregator=aggregator, quorum=quorum), encoding="utf-8")
    return path


def asked(body: dict[str, Any]) -> str:
    """Return the first line of what the user asks in a request to the provider."""
    content = next(message["content"] for message in reversed(body["messages"]) if message["role"] == "user")
    text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    return text.splitlines()[0]


@pytest.fixture(scope="session")
def provider() -> Iterator[Simulator]:
    """Start a provider whose aggregator `echo` says what it was asked."""
    models = {
        "one": Behaviour(reply=lambda body: f"one thinks of {asked(body)}"),
        "two": Behaviour(reply=lambda body: f"two thinks of {asked(body)}"),
        "echo": Behaviour(reply=lambda body: f"answer to {asked(body)}"),
        "caller": Behaviour(reply="It is sunny.", tool_calls=[ToolCall(name="weather", arguments={"city": "Paris"})]),
        "json": Behaviour(reply='{"city": "Paris", "people": 2100000}'),
        "broken": Behaviour(status=400, reply=f"no such model for {PROVIDER_KEY}"),
        "silent": Behaviour(hang=True),
    }
    with Simulator(models=models) as running:
        yield running


@contextmanager
def serving(provider: Simulator, folder: Path, *arguments: str, **environment: str) -> Iterator[Served]:
    """Run `moa serve` until the block ends."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    given = {**kept, "OPENAI_BASE_URL": provider.url, "OPENAI_API_KEY": PROVIDER_KEY, "LANGSMITH_TRACING": "false"}
    command = [sys.executable, "-m", "langgraph_moa.cli", "serve", "--port", "0", *arguments]
    with (folder / "stderr").open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, env={**given, **environment}, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url.endswith("/v1"), (folder / "stderr").read_text(encoding="utf-8")
        yield Served(url, process, folder)
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()
        process.stdout.close()


@pytest.fixture(scope="session")
def served(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve mixtures of the provider's models, and the embedded default, in one process."""
    folder = tmp_path_factory.mktemp("served")
    files = [
        panel(folder, "panel"),
        panel(folder, "caller", aggregator="caller"),
        panel(folder, "json", aggregator="json"),
        panel(folder, "failing", second="broken", aggregator="echo", quorum=2),
        panel(folder, "silent", second="silent"),
        panel(folder, "mute", aggregator="silent"),
        panel(folder, "changing"),
    ]
    options = ("--largest-body", "100000", "--patience", "2")
    with serving(provider, folder, "offline", *(file.name for file in files), *options) as running:
        yield running


Serving = Callable[..., AbstractContextManager[Served]]
