"""What Prometheus is told of a server."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder that all workers of a server write into; read when `prometheus_client` is imported."""


class Metrics:
    """Of one process, or of all workers of a server where they share a folder for them."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter("moa_requests", "Requests, by model and status.", ("model", "status"), **own)
        self._seconds = Histogram(
            "moa_request_seconds",
            "Seconds from a request to the end of its answer.",
            ("model",),
            buckets=_SECONDS,
            **own,
        )
        self._tokens = Counter("moa_tokens", "Tokens that providers reported.", ("model", "kind"), **own)
        self._dollars = Counter("moa_cost_dollars", "US dollars, as far as they are known.", ("model",), **own)
        self._proposals = Counter("moa_proposals", "Proposals, by what became of them.", ("model", "status"), **own)
        self._degraded = Counter("moa_degraded", "Answers for which something was missing.", ("model",), **own)
        self.in_flight = Gauge(
            "moa_requests_in_flight", "Requests that are being answered or wait.", multiprocess_mode="livesum", **own
        )

    def request(self, model: str, status: str, seconds: float) -> None:
        """Count a request.

        Args:
            model: That is served, or `"unknown"`.
            status: Of HTTP, or `"disconnected"`, `"stalled"`, `"failed"` for a stream that ended so.
            seconds: It took.
        """
        self._requests.labels(model, status).inc()
        self._seconds.labels(model).observe(seconds)

    def answers(self, model: str, answers: Sequence[AIMessage]) -> None:
        """Count what answers took."""
        for answer in answers:
            usage, run = answer.usage_metadata, answer.response_metadata.get("moa", {})
            if usage is not None:
                self._tokens.labels(model, "input").inc(usage["input_tokens"])
                self._tokens.labels(model, "output").inc(usage["output_tokens"])
            if run:
                self._run(model, run)

    def _run(self, model: str, run: Mapping[str, Any]) -> None:
        self._dollars.labels(model).inc(run["cost"]["total"] or 0.0)
        self._degraded.labels(model).inc(int(run["degraded"]))
        self._proposals.labels(model, "ok").inc(run["ok"])
        for missing in run["missing"]:
            self._proposals.labels(model, missing["status"]).inc()

    def exposition(self) -> bytes:
        """Return all of it in Prometheus' text form."""
        if FOLDER_VARIABLE not in os.environ:
            return generate_latest(self._registry)
        _forget_dead_workers(Path(os.environ[FOLDER_VARIABLE]))
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody)  # type: ignore[no-untyped-call]  # prometheus-client types a part of itself
        return generate_latest(everybody)


def _forget_dead_workers(folder: Path) -> None:
    """Leave out what workers that were killed had under way."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        with suppress(PermissionError):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
