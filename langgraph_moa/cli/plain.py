"""A run without a terminal: the whole answer on stdout once it is there, byte for byte, and notes on stderr."""

from __future__ import annotations

import sys

from langgraph_moa.cli.notes import Notes, degraded_line, failure_line, summary_line
from langgraph_moa.cli.running import Answer
from langgraph_moa.events import ProgressEvent, is_spared
from langgraph_moa.mixture import Mixture
from langgraph_moa.printable import is_terminal, printable


class PlainView:
    """Watches a run.

    Args:
        notes: Where failures and the summary go.
        prints: Whether the answer is printed; not where it becomes part of a JSON object.
    """

    def __init__(self, notes: Notes, *, prints: bool = True) -> None:
        self._notes = notes
        self._prints = prints

    def begin(self, mixture: Mixture) -> None:
        """Say how many calls are made."""
        self._notes.say(f"making {mixture.plan().calls} calls in {mixture.depth} stages")

    def progress(self, event: ProgressEvent) -> None:
        """Say that a call failed."""
        if event["event"] == "failed" and not is_spared(event):
            self._notes.say(failure_line(event))

    def token(self, text: str, *, restarted: bool) -> None:
        """Wait for the whole answer: a reader of a pipe must not get one that breaks off."""

    def finish(self, answer: Answer) -> None:
        """Print the answer and what it took."""
        if self._prints:
            print(printable(answer.text) if is_terminal(sys.stdout) else answer.text, flush=True)
        degraded = degraded_line(answer.summary)
        if degraded:
            self._notes.say(degraded)
        self._notes.say(summary_line(answer.summary))

    def close(self) -> None:
        """Nothing is held."""
