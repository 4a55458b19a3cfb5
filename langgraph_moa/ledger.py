"""What is known of a seat's call while it runs."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from langchain_core.messages import AIMessage

from langgraph_moa.proposal import CallRecord, Failure, nested_run, served_model
from langgraph_moa.replies import Reply
from langgraph_moa.schemas import Unreadable
from langgraph_moa.tape import Clock

Describe = Callable[[BaseException], Failure]


class Ledger:
    """What is known of a seat's call while it runs."""

    def __init__(self, describe: Describe) -> None:
        self.started_at = time.time()
        self.position = 0
        """Of the model that is asked: 0 for the seat's own, from 1 on for its fallbacks."""
        self.calls: list[CallRecord] = []
        self.last: CallRecord | None = None
        """Of `calls`, the last request that was noted here, and not in a ledger beside this one."""
        self.answered_by: str | None = None
        """The model that answered, as its provider names it; of a fallback, what the recipe calls it."""
        self.message: AIMessage | None = None
        self.failure: Failure | None = None
        self.unreadable: Unreadable | None = None
        """The last answer, where it does not fit the schema."""
        self.describe = describe
        self._is_beside = False
        self._started = time.monotonic()
        self._waited = 0.0
        self._waiting_since: float | None = None
        self._stopped: Clock | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the seat was called."""
        return time.monotonic() - self._started if self._stopped is None else self._stopped["elapsed"]

    @property
    def waited(self) -> float:
        """Seconds in which no request was under way: for a place under a limit, and before retries."""
        if self._stopped is not None:
            return self._stopped["waited"]
        waiting = 0.0 if self._waiting_since is None else time.monotonic() - self._waiting_since
        return self._waited + waiting

    def stop(self, at: Clock | None = None) -> Clock:
        """Stop the clock, now or at what a tape says, until something further is done; return what it shows."""
        self._stopped = at or Clock(started_at=self.started_at, elapsed=self.elapsed, waited=self.waited)
        self.started_at = self._stopped["started_at"]
        return self._stopped

    def _go_on(self) -> None:
        """Let the clock run on from where it was stopped."""
        if self._stopped is not None:
            self._started = time.monotonic() - self._stopped["elapsed"]
            self._waited, self._waiting_since, self._stopped = self._stopped["waited"], None, None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the seconds of the block as waiting."""
        self._go_on()
        self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            if self._stopped is None:
                self._waited, self._waiting_since = self.waited, None

    def open(self, model: str) -> CallRecord:
        """Note that a request is made."""
        self._go_on()
        self.message = self.failure = self.answered_by = self.unreadable = None
        record = CallRecord(model=model, fallback=self.position, usage=None, nested=None, error=None)
        if self._is_beside:
            record["hedge"] = True
        self.last = record
        self.calls.append(record)
        return record

    def fail(self, record: CallRecord, error: BaseException) -> None:
        """Note how a request failed."""
        self.failed(record, self.describe(error))

    def failed(self, record: CallRecord, failure: Failure) -> None:
        """Note how a request failed, as data."""
        self.failure = record["error"] = failure

    def misread(self, unreadable: Unreadable, failure: Failure) -> None:
        """Note that the last answer does not fit the schema."""
        self.message, self.unreadable = None, unreadable
        self.failure = failure
        if self.last is not None:
            self.last["error"] = failure

    def beside(self, position: int) -> Ledger:
        """Return a ledger for a call beside this one's, with the same clock and list of requests; the rest is its own.

        Args:
            position: Of the model that is asked.
        """
        other = copy.copy(self)
        other.position, other.last = position, None
        other.message = other.failure = other.answered_by = other.unreadable = None
        other._is_beside = True  # noqa: SLF001 - of this class
        other._waited, other._waiting_since = self.waited, None  # noqa: SLF001
        return other

    def take_over(self, other: Ledger) -> None:
        """Go on with what a ledger beside this one holds."""
        self.message, self.failure, self.unreadable = other.message, other.failure, other.unreadable
        self.answered_by, self.last, self.position = other.answered_by, other.last, other.position
        self._waited, self._waiting_since = other.waited, None

    def give_up(self, why: str) -> None:
        """Note why no further request is made."""
        if self.failure is not None:
            self.failure["message"] += f" [not asked again: {why}]"

    def answer(self, record: CallRecord, reply: Reply) -> None:
        """Note what a request gave."""
        self.message = reply.message
        self.answered_by = record["model"] if self.position else served_model(reply.message)
        record["nested"] = nested_run(reply.message)
        if record["usage"] is None:
            record["usage"], record["unreported"] = reply.usage, record.get("unreported") or reply.unreported
