"""Calls a seat: its model, then its fallbacks, within a time; a failure comes back as data."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp

from langgraph_moa.errors import SelfReferenceError
from langgraph_moa.mixture import model_label
from langgraph_moa.mixture.seats import Seat
from langgraph_moa.models import ReadyModel
from langgraph_moa.proposal import (
    CallUsage,
    Failure,
    Proposal,
    Status,
    finish_reason,
    nested_run,
    served_model,
    status_of,
    sum_usage,
    visible_text,
)
from langgraph_moa.redaction import redact
from langgraph_moa.replies import Reply
from langgraph_moa.waiting import DeadlineExceeded, QuorumReached, within

_NOT_DATA = (GraphBubbleUp, SelfReferenceError)
_LONGEST_MESSAGE = 500
_WHY: dict[Status, str] = {"empty": "the answer has no visible text", "refused": "the model declined to answer"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a seat is."""

    layer: int
    """Counted from 1; the aggregator's is the number of layers and one more."""
    index: int
    slot: str


class Outcome(NamedTuple):
    """What came of a call."""

    proposal: Proposal
    message: AIMessage | None
    """The last answer, also one that is empty or a refusal; `None` when no model answered."""


@dataclass
class _Progress:
    """What is known of a call while it runs."""

    attempts: int = 0
    label: str | None = None
    message: AIMessage | None = None
    error: BaseException | None = None
    calls: list[CallUsage] = field(default_factory=list)


class SeatCaller:
    """The models of a seat, in the order in which they are asked.

    Args:
        seat: A proposer or an aggregator.
        streams: Whether tokens may be wanted one by one.
    """

    def __init__(self, seat: Seat, *, streams: bool) -> None:
        self.label = model_label(seat.model)
        self._models = [ReadyModel(seat, model, streams=streams) for model in (seat.model, *seat.fallbacks)]

    async def call(
        self,
        place: Place,
        messages: Sequence[BaseMessage],
        config: RunnableConfig,
        *,
        seconds: float,
        unless: asyncio.Event | None = None,
    ) -> Outcome:
        """Ask until a model gives a usable answer or none is left.

        Args:
            place: For the record.
            messages: The request.
            config: Of the node, with the callbacks.
            seconds: For all models together.
            unless: Ends the call as `cancelled`.

        Raises:
            SelfReferenceError: The model calls the mixture that it sits in.
        """
        progress = _Progress()
        started_at, started = time.time(), time.monotonic()
        asking = self._ask_in_turn(messages, config, progress)
        interrupted = await _interruption(within(seconds, asking, unless=unless))
        status, failure = _verdict(progress, interrupted, seconds, self._secrets)
        message = progress.message
        proposal = Proposal(
            layer=place.layer,
            index=place.index,
            proposer=place.slot,
            model=self.label,
            served_model=progress.label,
            status=status,
            text=visible_text(message) if message is not None and status == "ok" else "",
            error=failure,
            latency=time.monotonic() - started,
            started_at=started_at,
            attempts=progress.attempts,
            usage=sum_usage([call["usage"] for call in progress.calls]),
            finish_reason=None if message is None else finish_reason(message),
            calls=progress.calls,
            nested=None if message is None else nested_run(message),
        )
        return Outcome(proposal, message)

    def _secrets(self) -> set[str]:
        return {secret for model in self._models for secret in model.secrets()}

    async def _ask_in_turn(self, messages: Sequence[BaseMessage], config: RunnableConfig, progress: _Progress) -> None:
        for model in self._models:
            progress.attempts += 1
            progress.message = progress.error = progress.label = None
            call = CallUsage(model=model.label, usage=None, nested=None)
            progress.calls.append(call)
            try:
                message, usage = await _shielded_from_itself(model.ask(messages, config))
            except _NOT_DATA:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a provider raises becomes data
                if _is_cancelled():
                    return
                progress.error = error
                continue
            if _is_cancelled():
                return
            progress.message = message
            call["usage"], call["nested"] = usage, nested_run(message)
            progress.label = model.label if progress.attempts > 1 else served_model(message)
            if status_of(message) == "ok" or message.tool_calls:
                return


def _is_cancelled() -> bool:
    """Say whether nobody waits for this call any more, whatever its model has made of the cancellation."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _shielded_from_itself(asking: Coroutine[Any, Any, Reply]) -> Reply:
    """Await a model; one that raises `CancelledError` of its own has failed, and has cancelled nothing.

    Raises:
        CancelledError: This call is cancelled from outside.
        RuntimeError: The model has cancelled itself.
    """
    try:
        return await asking
    except asyncio.CancelledError as error:
        if _is_cancelled():
            raise
        msg = f"the model cancelled itself: {error}"
        raise RuntimeError(msg) from error


async def _interruption(call: Coroutine[Any, Any, None]) -> Status | None:
    try:
        await call
    except DeadlineExceeded:
        return "timeout"
    except QuorumReached:
        return "cancelled"
    return None


def _verdict(
    progress: _Progress, interrupted: Status | None, seconds: float, secrets: Callable[[], Iterable[str]]
) -> tuple[Status, Failure | None]:
    if interrupted == "timeout":
        return interrupted, Failure(kind="DeadlineExceeded", message=f"no answer within {seconds:.3g} s")
    if interrupted == "cancelled":
        return interrupted, Failure(kind="QuorumReached", message="the layer went on without it")
    if progress.message is None:
        return "error", describe(progress.error, secrets())
    status = status_of(progress.message)
    return status, Failure(kind=status, message=_WHY[status]) if status in _WHY else None


def describe(error: BaseException | None, secrets: Iterable[str] = ()) -> Failure:
    """Return an exception as data: its kind, and its message in one line without secrets."""
    try:
        said = str(error) if error is not None else ""
    except Exception:  # noqa: BLE001 - an exception that cannot be shown is data all the same
        said = ""
    text = " ".join(redact(said, secrets).split())
    return Failure(kind=type(error).__name__, message=text[:_LONGEST_MESSAGE] or type(error).__name__)
