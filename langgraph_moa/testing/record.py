"""What a simulated provider was asked, by whom at the same time, and how it ended."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from langgraph_moa.testing.faults import Fault


@dataclass(eq=False)
class RecordedRequest:
    """A request as the server saw it. Times are seconds of `time.monotonic()`."""

    path: str
    body: dict[str, Any]
    """Empty when it was not JSON."""
    headers: frozenset[str]
    """Lower-case names of the headers that were present; their values may be secret."""
    authorization: str | None = field(repr=False)
    arrived_at: float = field(default_factory=time.monotonic)
    fault: Fault | None = None
    """The fault that was played; a full bucket plays `rate_limit`."""
    status: int | None = None
    """HTTP status of the response, once it has begun."""
    chunks: int = 0
    """Events of a stream that were sent, pings not counted."""
    disconnected_at: float | None = None
    """When the client was seen to have closed the connection before the end of the response."""
    finished_at: float | None = None
    """When this server was done with it, whatever the end."""

    @property
    def model(self) -> str:
        """The model asked for; empty when the request named none."""
        model = self.body.get("model")
        return model if isinstance(model, str) else ""

    @property
    def disconnected(self) -> bool:
        """Whether the client closed the connection before the end of the response."""
        return self.disconnected_at is not None


class Record:
    """Requests and their numbers, for the server's thread to write and every thread to read.

    Args:
        keep: Requests to keep, the last ones; the numbers go on. `None` keeps all.
    """

    def __init__(self, keep: int | None = None) -> None:
        self._requests: list[RecordedRequest] = []
        self._counts: dict[str, Counter[str]] = {}
        self._in_flight: Counter[str] = Counter()
        self._peaks: Counter[str] = Counter()
        self.peak = 0
        self.total = 0
        self._keep = keep
        self._changed = threading.Condition()
        self._open: set[RecordedRequest] = set()

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests in the order of their arrival: the list that they are added to, which may be cleared."""
        return self._requests

    @property
    def counts(self) -> dict[str, Counter[str]]:
        """For each model, the number of `requests` and of every fault that was played."""
        with self._changed:
            return {model: Counter(counts) for model, counts in self._counts.items()}

    @property
    def in_flight(self) -> Counter[str]:
        """For each model, the requests that are being answered."""
        with self._changed:
            return Counter(self._in_flight)

    @property
    def peaks(self) -> Counter[str]:
        """For each model, the most requests that were ever being answered at the same time."""
        with self._changed:
            return Counter(self._peaks)

    @property
    def open(self) -> int:
        """Requests that are being answered."""
        return len(self._open)

    def begin(self, request: RecordedRequest) -> int:
        """Keep a request that has arrived, and return its number, counted from 1."""
        with self._changed:
            model = request.model
            self._requests.append(request)
            if self._keep is not None and len(self._requests) > self._keep:
                del self._requests[: len(self._requests) - self._keep]
            self.total += 1
            self._counts.setdefault(model, Counter())["requests"] += 1
            self._open.add(request)
            self._in_flight[model] += 1
            self._peaks[model] = max(self._peaks[model], self._in_flight[model])
            self.peak = max(self.peak, len(self._open))
            self._changed.notify_all()
            return self.total

    def play(self, request: RecordedRequest, fault: Fault) -> None:
        """Note which fault a request meets."""
        with self._changed:
            request.fault = fault
            self._counts.setdefault(request.model, Counter())[fault] += 1
            self._changed.notify_all()

    def disconnect(self, request: RecordedRequest) -> None:
        """Note that the client has gone."""
        with self._changed:
            request.disconnected_at = time.monotonic()
            self._changed.notify_all()

    def end(self, request: RecordedRequest) -> None:
        """Note that a request is over."""
        with self._changed:
            request.finished_at = time.monotonic()
            if request in self._open:
                self._open.remove(request)
                self._in_flight[request.model] -= 1
            self._changed.notify_all()

    def notify(self) -> None:
        """Let whoever waits look again."""
        with self._changed:
            self._changed.notify_all()

    def reset(self) -> None:
        """Forget everything but the requests that are being answered: they still count as in flight."""
        with self._changed:
            self._requests = []
            self._counts.clear()
            self._in_flight = +self._in_flight
            self._peaks = Counter(self._in_flight)
            self.peak = len(self._open)
            self.total = 0
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is true; say whether it came true in time."""
        with self._changed:
            return self._changed.wait_for(condition, timeout=seconds)

    def summary(self, *, bodies: bool = False) -> dict[str, Any]:
        """Return the numbers as data for JSON; with `bodies`, also what was sent, without any header's value."""
        with self._changed:
            models = {
                model: {
                    "requests": counts["requests"],
                    "faults": {name: count for name, count in counts.items() if name != "requests"},
                    "in_flight": self._in_flight[model],
                    "peak_in_flight": self._peaks[model],
                }
                for model, counts in self._counts.items()
            }
            numbers = {"requests": self.total, "in_flight": len(self._open), "peak_in_flight": self.peak}
            return {**numbers, "models": models, **({"recorded": self._recorded()} if bodies else {})}

    def _recorded(self) -> list[dict[str, Any]]:
        return [
            {
                "path": request.path,
                "body": request.body,
                "headers": sorted(request.headers),
                "fault": request.fault,
                "status": request.status,
                "chunks": request.chunks,
                "disconnected": request.disconnected,
                "finished": request.finished_at is not None,
            }
            for request in self._requests
        ]
