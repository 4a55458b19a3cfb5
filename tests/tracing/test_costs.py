"""Claims about what tracing costs a call, also when nobody is there to take the traces."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest

from langgraph_moa.testing import Simulator
from tests.children import Children
from tests.tracing.receiver import Receiver

BOUND = 1.0
"""Seconds that tracing may add to a call; most of them are left for a busy machine."""


class Timed(NamedTuple):
    """What came of one place and way."""

    answer: str
    seconds: float


@pytest.fixture
def silent() -> Iterator[str]:
    """Take connections at a port, and never answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def closed() -> str:
    """Return the URL of a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def timed(children: Children, environment: Mapping[str, str]) -> dict[str, Timed]:
    """Time a call in every place, in a process with more in its environment; warnings are errors there."""
    own = {**os.environ, **environment}
    done = children.run(["tests.tracing.timed_child"], environment=own, warnings="error", seconds=100)
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    return {line["call"]: Timed(line["answer"], line["seconds"]) for line in lines}


@pytest.mark.timeout(300)
def test_costs_no_second(children: Children, provider: Simulator, receiver: Receiver, closed: str, silent: str) -> None:
    """Traced, and with an endpoint that is closed or silent, a call gives the same answer and takes no second more."""
    off = timed(children, {})
    assert len(off) == 15
    for url in (receiver.url, closed, silent):
        on = timed(
            children, {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": url, "LANGSMITH_API_KEY": "langsmith-key"}
        )
        assert {call: each.answer for call, each in on.items()} == {call: each.answer for call, each in off.items()}
        slower = {call: each for call, each in on.items() if each.seconds > off[call].seconds + BOUND}
        assert slower == {}
    assert receiver.traces != []
