"""Asks one model until it answers, fails for good, or has no time left: places, retries, and the record of both."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp, ParentCommand

from langgraph_moa.admission import Admission, admission
from langgraph_moa.configs import merged
from langgraph_moa.errors import SelfReferenceError
from langgraph_moa.fitting import estimate_request
from langgraph_moa.limits import Limit, applying
from langgraph_moa.metering import UsageMeter
from langgraph_moa.models import ReadyModel
from langgraph_moa.open_runs import OpenRuns
from langgraph_moa.proposal import CallRecord, Failure, billed_usage, nested_run, served_model
from langgraph_moa.replies import Reply
from langgraph_moa.retrying import is_transient, pause_before
from langgraph_moa.schemas import AnswerSchema, Unreadable
from langgraph_moa.threads import threads_of_one_request

_NOT_DATA = (GraphBubbleUp, SelfReferenceError)
"""What a call may raise that is no failure of its model: an interrupt for a person, or the end of the run."""
Describe = Callable[[BaseException], Failure]
_jitter = random.Random()  # noqa: S311 - spreads calls in time


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a seat is called."""

    seconds: float
    """For all its models together, waiting included."""
    unless: asyncio.Event | None = None
    """Ends the call as `cancelled`."""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    jitter: random.Random = field(default=_jitter)
    """Of the pauses before retries; seed it for the same pauses in every run."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """For the call of the model, such as `tools`."""
    schema: AnswerSchema | None = None
    """Of the answer; `None`: prose."""
    passed_over: Collection[int] = ()
    """Positions of models that are not asked: 0 is the seat's own, from 1 on its fallbacks."""
    is_shown: Callable[[], bool] = field(default=lambda: False)
    """Says whether somebody has seen the first token: then no other answer is asked for."""


class Ledger:
    """What is known of a seat's call while it runs."""

    def __init__(self, describe: Describe) -> None:
        self.started_at = time.time()
        self.position = 0
        """Of the model that is asked: 0 for the seat's own, from 1 on for its fallbacks."""
        self.calls: list[CallRecord] = []
        self.answered_by: str | None = None
        """The model that answered, as its provider names it; of a fallback, what the recipe calls it."""
        self.message: AIMessage | None = None
        self.failure: Failure | None = None
        self.unreadable: Unreadable | None = None
        """The last answer, where it does not fit the schema."""
        self.describe = describe
        self._started = time.monotonic()
        self._waited = 0.0
        self._waiting_since: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the seat was called."""
        return time.monotonic() - self._started

    @property
    def waited(self) -> float:
        """Seconds in which no request was under way: for a place under a limit, and before retries."""
        waiting = 0.0 if self._waiting_since is None else time.monotonic() - self._waiting_since
        return self._waited + waiting

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the seconds of the block as waiting."""
        self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            self._waited, self._waiting_since = self.waited, None

    def open(self, model: str) -> CallRecord:
        """Note that a request is made."""
        self.message = self.failure = self.answered_by = self.unreadable = None
        record = CallRecord(model=model, fallback=self.position, usage=None, nested=None, error=None)
        self.calls.append(record)
        return record

    def fail(self, record: CallRecord, error: BaseException) -> None:
        """Note how a request failed."""
        self.failure = record["error"] = self.describe(error)

    def misread(self, unreadable: Unreadable, failure: Failure) -> None:
        """Note that the last answer does not fit the schema."""
        self.message, self.unreadable = None, unreadable
        self.failure = self.calls[-1]["error"] = failure

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


async def ask(
    model: ReadyModel, request: Sequence[BaseMessage], config: RunnableConfig, terms: Terms, ledger: Ledger
) -> None:
    """Ask a model, again after passing failures, and note in the ledger what came of it.

    A retry is not made when the pause before it would outlast the time: what is left goes to the fallbacks.

    Raises:
        SelfReferenceError: The model calls the mixture that it sits in.
    """
    try:
        within = applying(terms.limits, await model.limit_keys()) if terms.limits else {}
    except Exception as unbuilt:  # noqa: BLE001 - a model that cannot be built is data, as one that fails is
        ledger.fail(ledger.open(model.label), unbuilt)
        return
    for retry in itertools.count(1):
        error = await _request(model, request, config, replace(terms, limits=within), ledger)
        if error is not None and terms.is_shown():
            ledger.give_up("the answer had begun to be shown")
            return
        if error is None or is_cancelled() or retry > model.retries or not is_transient(error):
            return
        pause = pause_before(retry, error, terms.jitter)
        if pause >= terms.seconds - ledger.elapsed:
            ledger.give_up(f"in {pause:.1f} s it would be too late")
            return
        with ledger.waiting():
            await asyncio.sleep(pause)


async def _request(
    model: ReadyModel,
    request: Sequence[BaseMessage],
    config: RunnableConfig,
    terms: Terms,
    ledger: Ledger,
) -> BaseException | None:
    """Make one request within the limits; return its failure."""
    meter, runs = UsageMeter(), OpenRuns()
    async with _place(model, request, terms.limits, ledger) as place:
        record = ledger.open(model.label)
        noted = merged(config, _attempt(ledger, meter, runs))
        try:
            reply = await _shielded_from_itself(model.ask(request, noted, terms.arguments, terms.schema))
        except Exception as error:
            if isinstance(error, _NOT_DATA) and not isinstance(error, ParentCommand):
                raise
            if not is_cancelled():
                ledger.fail(record, error)
            return error
        except asyncio.CancelledError as error:
            await runs.end(noted, error)
            raise
        finally:
            meter.settle(record)
        if not is_cancelled():
            ledger.answer(record, reply)
        used = billed_usage(record)
        place.settle(0 if record.get("cached") else used and used["total_tokens"])
    return None


def _attempt(ledger: Ledger, *listening: BaseCallbackHandler) -> RunnableConfig:
    """Return what marks one request in traces, and has its tokens counted."""
    metadata = {"moa_attempt": len(ledger.calls), "moa_fallback": ledger.position}
    return RunnableConfig(metadata=metadata, callbacks=list(listening))


@asynccontextmanager
async def _place(
    model: ReadyModel, request: Sequence[BaseMessage], limits: Mapping[str, Limit], ledger: Ledger
) -> AsyncIterator[Admission]:
    """Wait for a place, and keep it until the request has ended: a thread goes on when its call is cancelled."""
    paced = any(limit.tokens_per_minute for limit in limits.values())
    tokens = estimate_request(request) + (model.max_tokens or 0) if paced else 0
    place = admission(limits, model=model.label, tokens=tokens)
    with ledger.waiting():
        await place.enter()
    threads = threads_of_one_request()
    try:
        yield place
    finally:
        threads.when_ended(place.leave)


def is_cancelled() -> bool:
    """Say whether nobody waits for this call any more, whatever its model has made of the cancellation."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _shielded_from_itself(asking: Coroutine[object, object, Reply]) -> Reply:
    """Await a model; one that raises `CancelledError` of its own has failed, and has cancelled nothing.

    Raises:
        CancelledError: This call is cancelled from outside.
        RuntimeError: The model has cancelled itself.
    """
    try:
        return await asking
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        msg = f"the model cancelled itself: {error}"
        raise RuntimeError(msg) from error
