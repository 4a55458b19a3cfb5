"""Asks an aggregator: that of the mixture, or that of a layer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.constants import TAG_NOSTREAM

from langgraph_moa.attempts import Terms
from langgraph_moa.calling import Outcome, SeatCaller
from langgraph_moa.configs import merged
from langgraph_moa.consensus import medoid
from langgraph_moa.errors import AggregatorError, ContextWindowError, StructuredOutputError
from langgraph_moa.histories import split_turn
from langgraph_moa.listeners import without_tokens
from langgraph_moa.mixture import Aggregator
from langgraph_moa.models import has_tools, is_chat_model
from langgraph_moa.nodes.fields import StandIn, stand_in, usable_in_last
from langgraph_moa.nodes.run import Run
from langgraph_moa.prompts import instructions_for
from langgraph_moa.proposal import Failure, Place, Proposal, is_usable, one_after_the_other, skipped
from langgraph_moa.schemas import AnswerSchema

DEFAULT_SECONDS = 600.0
"""What `Aggregator.timeout=None` means."""
logger = logging.getLogger(__name__)


class Merged(NamedTuple):
    """What an aggregator made of the references."""

    proposal: Proposal
    """The record of its calls."""
    message: AIMessage
    substitute: Proposal | None
    """The proposal that stands in place of its answer; `None`: it answered."""


class Asking(NamedTuple):
    """What an aggregator is asked, and how."""

    conversation: Sequence[BaseMessage]
    """What the user wants."""
    references: Sequence[str]
    """In the order in which they are shown."""
    config: RunnableConfig
    """Of the node, named for this call."""
    goes_on: bool = False
    """Whether the references were shown before in this turn of the user: then they stand where they stood."""
    told: Mapping[str, Any] = MappingProxyType({})
    """What an earlier call of the turn has said of the proposers."""
    listening: Sequence[BaseCallbackHandler] = ()
    """Handlers for the call that gives the answer."""
    arguments: Mapping[str, Any] = MappingProxyType({})
    """For the call that gives the answer, such as `tools`."""
    is_shown: Callable[[], bool] = lambda: False
    """Says whether somebody has seen the beginning of the answer."""
    schema: AnswerSchema | None = None
    """Of the answer; `None`: prose."""
    seconds: float | None = None
    """That a budget leaves for it; `None`: it limits none."""

    @property
    def answering(self) -> RunnableConfig:
        """The config of the call that gives the answer."""
        return merged(self.config, {"callbacks": list(self.listening)}) if self.listening else self.config


class Merger:
    """An aggregator, ready to be asked.

    Args:
        run: The mixture that it belongs to.
        aggregator: The seat.
        place: Where it sits.
        node: Name of the graph node that asks it.
    """

    def __init__(self, run: Run, aggregator: Aggregator, place: Place, *, node: str) -> None:
        self._run = run
        self._aggregator = aggregator
        self._place = place
        self._node = node
        self._room = run.room(aggregator, node, aggregator.prompt)
        is_last = place.layer == run.mixture.depth
        self._caller = SeatCaller(aggregator, answers_user=is_last, streams=is_last)
        self.label = self._caller.label
        self.may_act = any(has_tools(model) for model in (aggregator.model, *aggregator.fallbacks))
        """Whether its models have tools of their own, besides any that a caller gives."""
        self.reads_proposals = run.schema is not None or aggregator.on_failure == "best_proposal"
        """Whether it needs the proposals beside the references: for the agreement on fields, or to give one of them."""
        self.can_relay = all(is_chat_model(model) for model in (aggregator.model, *aggregator.fallbacks))
        """Whether the tokens of its models are those of the answer, and no others are."""

    async def merge(self, asking: Asking, finished: Sequence[Proposal]) -> Merged:
        """Return the record of the call and the answer.

        Args:
            asking: The request.
            finished: Every proposal of the run so far; those of its last layer may stand in for the answer.

        Raises:
            AggregatorError: No model of the seat gave an answer; it holds the finished proposals.
            StructuredOutputError: The last model that was asked gave one that does not fit the schema.
            ContextWindowError: The references are too long, and the mixture says to raise.
        """
        try:
            outcome = await self._outcome(asking)
        except ContextWindowError as error:
            error.proposals = list(finished)
            raise
        if outcome.message is not None and self._caller.is_answer(outcome.message):
            return Merged(outcome.proposal, outcome.message, None)
        may_stand_in = finished and not asking.is_shown()
        best = self._standing_in(asking, outcome.proposal, finished) if may_stand_in else None
        if best is not None:
            return self._substituted(outcome.proposal, best)
        unreadable = outcome.unreadable
        if unreadable is not None and asking.schema is not None:
            raise StructuredOutputError(asking.schema.name, unreadable.why, unreadable.text, finished) from None
        # No cause is attached: its message may hold what redaction has taken out of this one.
        raise AggregatorError(f"{self._node} ({self.label}): {_reason(outcome.proposal)}", finished) from None

    async def _outcome(self, asking: Asking) -> Outcome:
        """Ask once, or once for each window of references, the synthesis so far being the first of the next window."""
        policy = self._run.mixture.on_overflow
        try:
            shown = self._room.fit(asking.conversation, asking.references, policy)
        except ContextWindowError as error:
            if policy == "raise":
                raise
            failure = Failure(kind=type(error).__name__, message=str(error))
            return Outcome(skipped(self._place, self.label, failure), None)
        *earlier, last = shown.windows or ((),)
        quiet = without_tokens(merged(asking.config, {"tags": [TAG_NOSTREAM]}))
        outcomes: list[Outcome] = []
        for window in earlier:
            terms = Terms(self._seconds_left(asking, outcomes), limits=self._run.limits(), schema=asking.schema)
            request = self._request(asking, self._carried(outcomes, window))
            outcomes.append(await self._caller.call(self._place, request, quiet, terms))
            if not is_usable(outcomes[-1].proposal):
                return _together(outcomes, shown.shortened)
        terms = Terms(
            self._seconds_left(asking, outcomes),
            limits=self._run.limits(),
            arguments=asking.arguments,
            is_shown=asking.is_shown,
            schema=asking.schema,
        )
        request = self._request(asking, self._carried(outcomes, last))
        outcomes.append(await self._caller.call(self._place, request, asking.answering, terms))
        return _together(outcomes, shown.shortened)

    def _request(self, asking: Asking, references: Sequence[str]) -> list[BaseMessage]:
        """Show references behind the conversation; in a turn that goes on, behind what the user said."""
        turn, steps = split_turn(asking.conversation) if asking.goes_on else (asking.conversation, [])
        acts = self.may_act or bool(asking.arguments.get("tools"))
        instructions = instructions_for(self._run.instructions(self._aggregator.prompt), has_tools=acts)
        return [*self._run.compose(turn, references, instructions), *steps]

    def _seconds_left(self, asking: Asking, before: Sequence[Outcome]) -> float:
        own = self._aggregator.timeout or DEFAULT_SECONDS
        allowed = own if asking.seconds is None else min(own, asking.seconds)
        return max(0.0, allowed - sum(_seconds(outcome) for outcome in before))

    def _is_cut_off(self, asking: Asking, failed: Proposal) -> bool:
        """Say whether the seconds of a budget were over, and not the seat's own."""
        own = self._aggregator.timeout or DEFAULT_SECONDS
        return failed["status"] == "timeout" and asking.seconds is not None and asking.seconds < own

    def _carried(self, outcomes: Sequence[Outcome], window: Sequence[str]) -> tuple[str, ...]:
        return (*(self._room.carry(outcome.proposal["text"]) for outcome in outcomes[-1:]), *window)

    def _standing_in(self, asking: Asking, failed: Proposal, finished: Sequence[Proposal]) -> StandIn | None:
        """Return what is given in place of an answer; `None`: nothing is, or no proposal is in the schema."""
        if self._aggregator.on_failure != "best_proposal" and not self._is_cut_off(asking, failed):
            return None
        if asking.schema is not None:
            return stand_in(asking.schema, finished)
        usable = usable_in_last(finished)
        best = usable[medoid([proposal["text"] for proposal in usable])]
        return StandIn(best["text"], best)

    def _substituted(self, failed: Proposal, given: StandIn) -> Merged:
        """Give what stands in for the answer, and say so."""
        best = given.nearest
        told = (self._run.mixture.name, self._node, self.label, _reason(failed), best["proposer"])
        logger.warning("%s: %s (%s) failed (%s); the proposal of %s stands in for its answer", *told)
        return Merged(failed, AIMessage(given.text), best)


def _seconds(outcome: Outcome) -> float:
    return (outcome.proposal["latency"] or 0.0) + outcome.proposal["waited"]


def _reason(proposal: Proposal) -> str:
    failure = proposal["error"]
    return f"{proposal['status']}, {failure['kind']}: {failure['message']}" if failure else proposal["status"]


def _together(outcomes: Sequence[Outcome], shortened: int) -> Outcome:
    proposal = one_after_the_other([outcome.proposal for outcome in outcomes])
    proposal["shortened"] = shortened
    return Outcome(proposal, outcomes[-1].message, outcomes[-1].unreadable)
