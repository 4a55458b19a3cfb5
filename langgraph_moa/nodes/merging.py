"""Asks an aggregator: that of the mixture, or that of a layer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs
from langgraph.constants import TAG_NOSTREAM

from langgraph_moa.attempts import Terms
from langgraph_moa.calling import Outcome, SeatCaller
from langgraph_moa.consensus import medoid
from langgraph_moa.errors import AggregatorError, ContextWindowError
from langgraph_moa.mixture import Aggregator
from langgraph_moa.nodes.run import Run
from langgraph_moa.proposal import Failure, Place, Proposal, is_usable, one_after_the_other, skipped

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
        self._caller = SeatCaller(aggregator, answers_user=place.layer == run.mixture.depth)
        self.label = self._caller.label

    async def merge(
        self,
        conversation: Sequence[BaseMessage],
        references: Sequence[str],
        config: RunnableConfig,
        finished: Sequence[Proposal],
        *,
        listening: Sequence[BaseCallbackHandler] = (),
    ) -> Merged:
        """Return the record of the call and the answer.

        Args:
            conversation: What the user wants.
            references: In the order in which they are shown.
            config: Of the node, named for this call.
            finished: Every proposal of the run so far; those of its last layer may stand in for the answer.
            listening: Handlers for the call that gives the answer.

        Raises:
            AggregatorError: No model of the seat gave an answer; it holds the finished proposals.
            ContextWindowError: The references are too long, and the mixture says to raise.
        """
        answering = merge_configs(config, {"callbacks": list(listening)}) if listening else config
        try:
            outcome = await self._outcome(conversation, references, config, answering)
        except ContextWindowError as error:
            error.proposals = list(finished)
            raise
        if outcome.message is not None and self._caller.is_answer(outcome.message):
            return Merged(outcome.proposal, outcome.message, None)
        if self._aggregator.on_failure == "best_proposal":
            return self._substituted(outcome.proposal, finished)
        # No cause is attached: its message may hold what redaction has taken out of this one.
        raise AggregatorError(f"{self._node} ({self.label}): {_reason(outcome.proposal)}", finished) from None

    async def _outcome(
        self,
        conversation: Sequence[BaseMessage],
        references: Sequence[str],
        config: RunnableConfig,
        answering: RunnableConfig,
    ) -> Outcome:
        """Ask once, or once for each window of references, the synthesis so far being the first of the next window."""
        policy = self._run.mixture.on_overflow
        try:
            shown = self._room.fit(conversation, references, policy)
        except ContextWindowError as error:
            if policy == "raise":
                raise
            failure = Failure(kind=type(error).__name__, message=str(error))
            return Outcome(skipped(self._place, self.label, failure), None)
        *earlier, last = shown.windows or ((),)
        quiet = merge_configs(config, {"tags": [TAG_NOSTREAM]})
        outcomes: list[Outcome] = []
        for window in earlier:
            outcomes.append(await self._ask(conversation, self._carried(outcomes, window), quiet, outcomes))
            if not is_usable(outcomes[-1].proposal):
                return _together(outcomes, shown.shortened)
        outcomes.append(await self._ask(conversation, self._carried(outcomes, last), answering, outcomes))
        return _together(outcomes, shown.shortened)

    async def _ask(
        self,
        conversation: Sequence[BaseMessage],
        references: Sequence[str],
        config: RunnableConfig,
        before: Sequence[Outcome],
    ) -> Outcome:
        seconds = (self._aggregator.timeout or DEFAULT_SECONDS) - sum(_seconds(outcome) for outcome in before)
        request = self._run.compose(conversation, references, self._aggregator.prompt)
        terms = Terms(max(0.0, seconds), limits=self._run.limits())
        return await self._caller.call(self._place, request, config, terms)

    def _carried(self, outcomes: Sequence[Outcome], window: Sequence[str]) -> tuple[str, ...]:
        return (*(self._room.carry(outcome.proposal["text"]) for outcome in outcomes[-1:]), *window)

    def _substituted(self, failed: Proposal, finished: Sequence[Proposal]) -> Merged:
        """Give the proposal of the last layer that agrees most with the others, and say so."""
        last = max(proposal["layer"] for proposal in finished)
        usable = [proposal for proposal in finished if proposal["layer"] == last and is_usable(proposal)]
        best = usable[medoid([proposal["text"] for proposal in usable])]
        told = (self._run.mixture.name, self._node, self.label, _reason(failed), best["proposer"])
        logger.warning("%s: %s (%s) failed (%s); the proposal of %s stands in for its answer", *told)
        return Merged(failed, AIMessage(best["text"]), best)


def _seconds(outcome: Outcome) -> float:
    return (outcome.proposal["latency"] or 0.0) + outcome.proposal["waited"]


def _reason(proposal: Proposal) -> str:
    failure = proposal["error"]
    return f"{proposal['status']}, {failure['kind']}: {failure['message']}" if failure else proposal["status"]


def _together(outcomes: Sequence[Outcome], shortened: int) -> Outcome:
    proposal = one_after_the_other([outcome.proposal for outcome in outcomes])
    proposal["shortened"] = shortened
    return Outcome(proposal, outcomes[-1].message)
