"""Asks an aggregator: that of the mixture, or that of a layer."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_moa.calling import Place, SeatCaller
from langgraph_moa.errors import AggregatorError
from langgraph_moa.mixture import Aggregator
from langgraph_moa.proposal import Proposal, is_usable

DEFAULT_SECONDS = 600.0
"""What `Aggregator.timeout=None` means."""


class Merger:
    """An aggregator, ready to be asked.

    Args:
        aggregator: The seat.
        streams: Whether its tokens may be wanted one by one.
    """

    def __init__(self, aggregator: Aggregator, *, streams: bool) -> None:
        self.prompt = aggregator.prompt
        self._seconds = aggregator.timeout or DEFAULT_SECONDS
        self._caller = SeatCaller(aggregator, streams=streams)
        self.label = self._caller.label

    async def merge(
        self, place: Place, request: Sequence[BaseMessage], config: RunnableConfig, finished: Sequence[Proposal]
    ) -> tuple[Proposal, AIMessage]:
        """Return the record of the call and the answer.

        Raises:
            AggregatorError: No model of the seat gave an answer; it holds the finished proposals.
        """
        proposal, message = await self._caller.call(place, request, config, seconds=self._seconds)
        if message is not None and (is_usable(proposal) or message.tool_calls):
            return proposal, message
        failure = proposal["error"]
        reason = f"{proposal['status']}, {failure['kind']}: {failure['message']}" if failure else proposal["status"]
        # No cause is attached: its message may hold what redaction has taken out of this one.
        raise AggregatorError(f"{place.slot} ({self.label}): {reason}", finished) from None
