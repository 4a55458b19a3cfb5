"""An aggregator, of the mixture or of a layer: carries out its strategy, and knows what stands in where it fails."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple, cast

from langchain_core.messages import AIMessage

from langgraph_moa.calling import Outcome
from langgraph_moa.consensus import medoid
from langgraph_moa.errors import AggregatorError, ContextWindowError, StructuredOutputError
from langgraph_moa.mixture import Aggregator, Layer
from langgraph_moa.nodes.asking import Asker, Asking, together
from langgraph_moa.nodes.fields import StandIn, stand_in, usable_in_last
from langgraph_moa.nodes.run import Run
from langgraph_moa.proposal import Failure, Place, Proposal, is_usable, skipped
from langgraph_moa.strategies import Case, Decision, Synthesize
from langgraph_moa.strategies.base import Ruling

logger = logging.getLogger(__name__)


class Merged(NamedTuple):
    """What an aggregator made of the references."""

    proposal: Proposal
    """The record of its calls."""
    message: AIMessage
    substitute: Proposal | None
    """The proposal that stands in place of its answer; `None`: it answered."""
    decision: Decision | None
    """How it came to the answer; `None`: it did not."""


class Merger:
    """An aggregator, ready to be asked.

    Args:
        run: The mixture that it belongs to.
        aggregator: The seat.
        place: Where it sits.
        node: Name of the graph node that asks it.
        layer: Whose answers it merges.

    Raises:
        ConfigurationError: The strategy's settings do not fit the slots of the layer.
    """

    def __init__(self, run: Run, aggregator: Aggregator, place: Place, *, node: str, layer: Layer) -> None:
        self._run = run
        self._aggregator = aggregator
        self._place = place
        self._node = node
        self._asker = Asker(run, aggregator, place, node=node)
        self._strategy = aggregator.decider
        if layer.merger is None or node.endswith("_join"):
            self._strategy.check_slots([(slot.name, slot.proposer.label) for slot in layer.slots(1)])
        self.label, self.may_act, self.can_relay = self._asker.label, self._asker.may_act, self._asker.can_relay
        self.reads_proposals = run.schema is not None or aggregator.on_failure == "best_proposal"
        """Whether it needs the proposals beside the references: for the agreement on fields, or to give one of them."""

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
            outcome, ruling = await self._ruled(asking)
        except ContextWindowError as error:
            error.proposals = list(finished)
            raise
        message = _answer(outcome, ruling)
        if ruling is not None and message is not None and (ruling.text or self._asker.is_answer(message)):
            return Merged(outcome.proposal, message, None, ruling.decision)
        may_stand_in = finished and not asking.is_shown()
        best = self._standing_in(asking, outcome.proposal, finished) if may_stand_in else None
        if best is not None:
            return self._substituted(outcome.proposal, best)
        unreadable = outcome.unreadable
        if unreadable is not None and asking.schema is not None and ruling is not None:
            raise StructuredOutputError(asking.schema.name, unreadable.why, unreadable.text, finished) from None
        # No cause is attached: its message may hold what redaction has taken out of this one.
        failure = outcome.proposal["error"]
        cause = f"{self._node} ({self.label}): {_reason(outcome.proposal)}"
        raise AggregatorError(cause, finished, failure["kind"] if failure else None) from None

    async def _ruled(self, asking: Asking) -> tuple[Outcome, Ruling | None]:
        """Go through the strategy's steps; what a turn goes on with was decided on before, and is synthesised."""
        strategy = Synthesize() if asking.goes_on else self._strategy
        steps = strategy.decide(Case(asking.sources, is_structured=asking.schema is not None))
        outcomes: list[Outcome] = []
        reply = None
        try:
            ask = next(steps)
            while True:
                outcomes.append(await self._asker.ask(asking, ask, outcomes))
                last = outcomes[-1].proposal
                reply = last["text"] if is_usable(last) else None
                ask = steps.send(reply)
        except StopIteration as end:
            ruling = cast("Ruling | None", end.value)
        if not outcomes:
            return self._unasked(ruling), ruling
        whole = together(outcomes, max(outcome.proposal["shortened"] for outcome in outcomes))
        if ruling is not None and ruling.text is not None:
            whole.proposal["text"] = ruling.text
        return (whole if ruling is not None or reply is None else self._misled(whole)), ruling

    def _unasked(self, ruling: Ruling | None) -> Outcome:
        """Return the record of a decision that no request was made for."""
        nothing = skipped(self._place, self.label, Failure(kind="", message=""))
        text = "" if ruling is None else ruling.text or ""
        return Outcome(cast("Proposal", {**nothing, "status": "ok", "text": text, "error": None}), None)

    def _misled(self, whole: Outcome) -> Outcome:
        """Return the record of a reply that the strategy could not use."""
        message = f"strategy {self._strategy.name!r} could not use the reply: {whole.proposal['text'][:200]}"
        failure = Failure(kind="UnusableReply", message=message)
        return Outcome(cast("Proposal", {**whole.proposal, "status": "error", "text": "", "error": failure}), None)

    def _standing_in(self, asking: Asking, failed: Proposal, finished: Sequence[Proposal]) -> StandIn | None:
        """Return what is given in place of an answer; `None`: nothing is, or no proposal is in the schema."""
        cut_off = self._asker.is_cut_off(asking, failed["status"])
        if self._aggregator.on_failure != "best_proposal" and not cut_off:
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
        return Merged(failed, AIMessage(given.text), best, None)


def _answer(outcome: Outcome, ruling: Ruling | None) -> AIMessage | None:
    """Return the message that the answer is: a model's, or one of the references."""
    if ruling is None:
        return None
    return outcome.message if ruling.text is None else AIMessage(ruling.text)


def _reason(proposal: Proposal) -> str:
    failure = proposal["error"]
    return f"{proposal['status']}, {failure['kind']}: {failure['message']}" if failure else proposal["status"]
