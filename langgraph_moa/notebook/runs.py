"""What is known of the runs that a view shows: pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from langgraph_moa.progress import Call, Progress, Stage

_AFTER_THE_END = {"waiting": "not asked", "answering": "cancelled"}
"""What has become of a call whose end nobody has told when its run ended."""


class Row(NamedTuple):
    """One call, as it is shown."""

    slot: str
    model: str
    state: str
    seconds: float | None
    tokens: int | None
    reason: str | None
    """Why it failed."""


@dataclass(slots=True)
class WatchedRun:
    """One run of one mixture."""

    mixture: str
    progress: Progress
    began: float
    """By the clock of the view, in seconds, as are all times."""
    ended: float | None = None
    failure: str | None = None
    """Kind of the error that ended it."""

    def headline(self, now: float) -> str:
        """Say how the run stands."""
        seconds = (now if self.ended is None else self.ended) - self.began
        state = "running" if self.ended is None else "ended" if self.failure is None else f"ended by {self.failure}"
        return f"{self.mixture}: {state}, {seconds:.1f} s"

    def stages(self, now: float) -> Iterator[tuple[Stage, list[Row]]]:
        """Yield every stage with its calls, in the order in which they run."""
        at = now if self.ended is None else self.ended
        for stage in self.progress.stages.values():
            yield stage, [self._row(call, at) for call in stage.calls.values()]

    def _row(self, call: Call, now: float) -> Row:
        error = None if call.failure is None else call.failure.get("error")
        state = call.state if self.ended is None else _AFTER_THE_END.get(call.state, call.state)
        return Row(call.slot, call.model, state, call.seconds(now), call.tokens, error and error["message"])
