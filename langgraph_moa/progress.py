"""What is known of a run's calls at one moment: built from progress events, pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from langgraph_moa.events import EventKind, ProgressEvent, is_spared
from langgraph_moa.mixture import Mixture, model_label

State = Literal["waiting", "answering", "done", "failed", "cancelled", "not needed"]

_ORDER: tuple[State, ...] = ("waiting", "answering", "done", "failed", "cancelled", "not needed")
_STATES: dict[EventKind, State] = {
    "started": "answering",
    "aggregating": "answering",
    "finished": "done",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
}


@dataclass(slots=True)
class Call:
    """One seat's call."""

    slot: str
    model: str
    state: State = "waiting"
    started: float | None = None
    """By the clock that `Progress.take` is given."""
    ended_after: float | None = None
    """Seconds that it took."""
    tokens: int | None = None
    failure: ProgressEvent | None = None

    def seconds(self, now: float) -> float | None:
        """Return how long it took, or has taken so far."""
        if self.ended_after is not None or self.started is None:
            return self.ended_after
        return now - self.started


@dataclass(slots=True)
class Stage:
    """Calls that run side by side."""

    title: str
    calls: dict[str, Call] = field(default_factory=dict)

    def counts(self) -> str:
        """Say how many calls are in which state."""
        states = Counter(call.state for call in self.calls.values())
        return ", ".join(f"{states[state]} {state}" for state in _ORDER if states[state])

    @property
    def ended(self) -> bool:
        """Whether no call waits or answers any more."""
        return not any(call.state in {"waiting", "answering"} for call in self.calls.values())


class Progress:
    """All stages of one run.

    Args:
        mixture: Whose calls are there from the beginning, waiting; `None`: each is there once it is heard of.
    """

    def __init__(self, mixture: Mixture | None = None) -> None:
        self.stages: dict[int | None, Stage] = {}
        """In the order in which they run."""
        self.current: int | None = 1
        if mixture is not None:
            self._expect(mixture)

    def _expect(self, mixture: Mixture) -> None:
        for number, slots in enumerate(mixture.slots, start=1):
            calls = {slot.name: Call(slot.name, model_label(slot.proposer.model)) for slot in slots}
            self.stages[number] = Stage(f"layer {number} of {mixture.depth - 1}", calls)
        aggregator = Call("aggregator", mixture.merger.label)
        self.stages[None] = Stage("aggregator", {"aggregator": aggregator})

    def take(self, event: ProgressEvent, now: float) -> None:
        """Note an event. `now` is a clock in seconds."""
        if event["event"] == "planned":
            return
        self.current = event["layer"]
        state: State | None = "not needed" if is_spared(event) else _STATES.get(event["event"])
        if state is None:
            return
        calls = self._stage(event["layer"]).calls
        call = calls.setdefault(event["slot"], Call(event["slot"], event["model"]))
        call.state = state
        if state == "answering":
            call.started = now
        else:
            call.ended_after = event.get("seconds") or call.seconds(now)
            call.tokens = event.get("tokens")
        if state == "failed":
            call.failure = event

    def _stage(self, number: int | None) -> Stage:
        """Return a stage, which is added in its order when it is new."""
        if number not in self.stages:
            self.stages[number] = Stage("aggregator" if number is None else f"layer {number}")
            order = sorted(self.stages, key=lambda one: (one is None, one or 0))
            self.stages = {one: self.stages[one] for one in order}
        return self.stages[number]
