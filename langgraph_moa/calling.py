"""Calls a seat: its model, then its fallbacks, within a time; a failure comes back as data."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_moa.attempts import Terms, is_cancelled
from langgraph_moa.failures import failure_of
from langgraph_moa.guarding import guarding
from langgraph_moa.hedging import Hedger, Pair
from langgraph_moa.ledger import Ledger
from langgraph_moa.mixture.seats import Proposer, Seat
from langgraph_moa.models import ReadyModel
from langgraph_moa.proposal import (
    Failure,
    Place,
    Proposal,
    Status,
    finish_reason,
    nested_run,
    status_of,
    sum_usage,
    visible_text,
)
from langgraph_moa.recording import current_tape, is_replaying
from langgraph_moa.repairing import ask_for_answer
from langgraph_moa.schemas import Unreadable
from langgraph_moa.waiting import DeadlineExceeded, QuorumReached, within

_WHY: dict[Status, str] = {"empty": "the answer has no visible text", "refused": "the model declined to answer"}


class Outcome(NamedTuple):
    """What came of a call."""

    proposal: Proposal
    message: AIMessage | None
    """The last answer, also one that is empty or a refusal; `None` when no model answered."""
    unreadable: Unreadable | None = None
    """The last answer, where it does not fit the schema that was asked for."""


class SeatCaller:
    """The models of a seat, in the order in which they are asked.

    Args:
        seat: A proposer or an aggregator.
        answers_user: Whether it is the last: a call of a tool is an answer.
        streams: Whether its tokens may be wanted one by one.
    """

    def __init__(self, seat: Seat, *, answers_user: bool, streams: bool) -> None:
        self.label = seat.label
        self._answers_user = answers_user
        self._models = [ReadyModel(seat, model, streams=streams) for model in seat.models]
        hedge = seat.hedge if isinstance(seat, Proposer) and not streams else None
        self._hedger = None if hedge is None else Hedger(hedge, self._models[0], self.is_answer)

    async def call(
        self, place: Place, messages: Sequence[BaseMessage], config: RunnableConfig, terms: Terms
    ) -> Outcome:
        """Ask until a model gives a usable answer or none is left.

        Args:
            place: For the record.
            messages: The request.
            config: Of the node, with the callbacks.
            terms: The time, and the limits.

        Raises:
            SelfReferenceError: The model calls the mixture that it sits in.
        """
        ledger = Ledger(lambda error: failure_of(error, self._secrets()))
        terms = _unhurried(terms) if is_replaying() else terms
        interrupted = None
        try:
            await within(terms.seconds, self._ask_in_turn(messages, config, terms, ledger), unless=terms.unless)
        except DeadlineExceeded as late:
            interrupted = Failure(kind="DeadlineExceeded", message=_lacking(ledger, late.seconds))
        except QuorumReached:
            interrupted = Failure(kind="QuorumReached", message="the layer went on without it")
        return self._outcome(place, ledger, interrupted)

    async def profiles(self) -> list[Mapping[str, Any]]:
        """Return what each model says of itself, as `BaseChatModel.profile`; nothing where it cannot be had.

        A model that cannot be built is no error here: the call meets it again, and records it.
        """
        return [await _profile(model) for model in self._models]

    def is_answer(self, message: AIMessage) -> bool:
        """Say whether the seat has given what it is asked for."""
        return status_of(message) == "ok" or (
            self._answers_user and bool(message.tool_calls or message.invalid_tool_calls)
        )

    async def _ask_in_turn(
        self, messages: Sequence[BaseMessage], config: RunnableConfig, terms: Terms, ledger: Ledger
    ) -> None:
        passed_over = terms.passed_over
        with guarding(config, self._secrets) as guarded:
            for position, model in enumerate(self._models):
                if position in passed_over:
                    continue
                ledger.position = position
                if position == 0 and self._hedger is not None and current_tape() is None:
                    pair = self._pair(passed_over)
                    if await self._hedger.ask(pair, messages, guarded, terms, ledger):
                        passed_over = {*passed_over, pair.position}
                else:
                    await ask_for_answer(model, messages, guarded, terms, ledger)
                if is_cancelled() or terms.is_shown() or (ledger.message and self.is_answer(ledger.message)):
                    return

    def _pair(self, passed_over: Collection[int]) -> Pair:
        """Return the seat's own model, and the first fallback that may be asked, or else the same model again."""
        position = next((each for each in range(1, len(self._models)) if each not in passed_over), 0)
        return Pair(self._models[0], self._models[position], position)

    def _outcome(self, place: Place, ledger: Ledger, interrupted: Failure | None) -> Outcome:
        message = ledger.message
        status, failure = _verdict(ledger, interrupted)
        waited = ledger.waited
        proposal = Proposal(
            layer=place.layer,
            index=place.index,
            proposer=place.slot,
            model=self.label,
            served_model=ledger.answered_by,
            status=status,
            text=visible_text(message) if message is not None and status == "ok" else "",
            error=failure,
            latency=ledger.elapsed - waited if ledger.calls else None,
            waited=waited,
            started_at=ledger.started_at,
            attempts=len(ledger.calls),
            usage=sum_usage([call["usage"] for call in ledger.calls]),
            finish_reason=None if message is None else finish_reason(message),
            calls=[call.copy() for call in ledger.calls],  # a request left behind still writes in its own record
            nested=None if message is None else nested_run(message),
            shortened=0,
            edited=False,
        )
        return Outcome(proposal, message, ledger.unreadable)

    def _secrets(self) -> set[str]:
        return {secret for model in self._models for secret in model.secrets()}


async def _profile(model: ReadyModel) -> Mapping[str, Any]:
    try:
        return await model.profile()
    except Exception:  # noqa: BLE001 - whatever a provider's class raises
        return {}


def _unhurried(terms: Terms) -> Terms:
    """Return terms under which a tape alone says that a seat was too late, or that the layer went on without it."""
    return replace(terms, seconds=math.inf, unless=None, limits={}) if terms.seconds > 0 else terms


def _lacking(ledger: Ledger, seconds: float) -> str:
    """Say what did not come in time."""
    if seconds <= 0:
        return "no time was left"
    if ledger.calls:
        return f"no answer within {seconds:.3g} s"
    return f"no request could be made within {seconds:.3g} s: no place under Mixture.limits, or the model was not ready"


def _verdict(ledger: Ledger, interrupted: Failure | None) -> tuple[Status, Failure | None]:
    if interrupted is not None:
        return "timeout" if interrupted["kind"] == "DeadlineExceeded" else "cancelled", interrupted
    if ledger.message is None:
        return "error", ledger.failure
    status = status_of(ledger.message)
    if status == "empty" and ledger.message.tool_calls:
        called = ", ".join(call["name"] for call in ledger.message.tool_calls)
        return status, Failure(
            kind="ToolCalls", message=f"the answer only calls tools, and it has none: {called}"[:500]
        )
    return status, Failure(kind=status, message=_WHY[status]) if status in _WHY else None
