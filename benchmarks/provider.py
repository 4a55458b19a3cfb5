"""The simulated provider, in a process of its own, so that the processor time of a contender is its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from langgraph_moa.testing import Behaviour, RecordedRequest, Simulator


@dataclass(frozen=True)
class Opening:
    """A simulator to begin with."""

    behaviour: Behaviour
    models: Mapping[str, Behaviour]


class Provider:
    """Serves one simulator at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def serving(self, behaviour: Behaviour | None = None, **models: Behaviour) -> Iterator[str]:
        """Serve these models; give the base URL.

        Args:
            behaviour: Of every model that has none of its own.
            models: Behaviours by name; what is passed to another process may be no local function.
        """
        url: str = self._ask(Opening(behaviour or Behaviour(), models))
        try:
            yield url
        finally:
            self._ask("close")

    def requests(self) -> list[RecordedRequest]:
        """Return the requests since the last call, and forget them."""
        found: list[RecordedRequest] = self._ask("requests")
        return found

    def peak_in_flight(self) -> int:
        """Return the most requests that the simulator that serves now has ever been answering at the same time."""
        peak: int = self._ask("peak_in_flight")
        return peak

    def _ask(self, what: object) -> Any:  # noqa: ANN401 - each question has an answer of its own
        self._connection.send(what)
        return self._connection.recv()


@contextmanager
def provider_process() -> Iterator[Provider]:
    """Run a provider until the end of the block."""
    spawn = multiprocessing.get_context("spawn")
    ours, its = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(its,), daemon=True)
    process.start()
    its.close()  # so that a provider that has died is no silence
    try:
        yield Provider(ours)
    finally:
        ours.send(None)
        process.join(10)
        process.kill()


def _serve(connection: Connection) -> None:
    simulator = None
    while (asked := connection.recv()) is not None:
        if isinstance(asked, Opening):
            simulator = Simulator(asked.behaviour, models=dict(asked.models)).start()
            connection.send(simulator.url)
        elif simulator is None:
            connection.send(None)
        elif asked == "peak_in_flight":
            connection.send(simulator.peak_in_flight)
        elif asked == "requests":
            connection.send(list(simulator.requests))
            simulator.requests.clear()
        else:
            simulator.stop()
            connection.send(None)
