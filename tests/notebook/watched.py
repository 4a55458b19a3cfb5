"""Runs to show, and a screen that keeps what it is shown."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, cast

from langgraph_moa.events import ProgressEvent
from langgraph_moa.notebook.runs import WatchedRun
from langgraph_moa.notebook.tables import as_text
from langgraph_moa.progress import Progress


def event(kind: str, layer: int | None, slot: str, **rest: Any) -> ProgressEvent:
    """Return an event of the mixture `moa`."""
    told = {"type": "moa", "event": kind, "mixture": "moa", "layer": layer, "slot": slot, "model": slot, **rest}
    return cast("ProgressEvent", told)


def run_of(*events: ProgressEvent, mixture: str = "moa") -> WatchedRun:
    """Return a run that began at 0, all of whose events came a second later."""
    run = WatchedRun(mixture, Progress(), 0.0)
    for one in events:
        run.progress.take(one, 1.0)
    return run


class KeptScreen:
    """Keeps the text of every drawing."""

    def __init__(self) -> None:
        self.drawings: list[str] = []
        self.has_drawn = threading.Event()

    def show(self, runs: Sequence[WatchedRun], now: float) -> None:
        """Keep it."""
        self.drawings.append(as_text(runs, now))
        self.has_drawn.set()
