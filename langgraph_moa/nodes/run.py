"""What the nodes of one compiled graph share."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from functools import reduce

from langchain_core.messages import BaseMessage
from langgraph.runtime import get_runtime

from langgraph_moa.compiled import MoAGraph
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.events import ProgressEvent
from langgraph_moa.limits import Limits, tighter
from langgraph_moa.mixture import Mixture
from langgraph_moa.mixture.seats import Seat
from langgraph_moa.preflight import prepare
from langgraph_moa.prompts import order_references, with_references
from langgraph_moa.room import Room
from langgraph_moa.state import LayerRecord, MoAState, usable_texts
from langgraph_moa.threads import in_thread

running: ContextVar[tuple[Run, ...]] = ContextVar("langgraph_moa_running", default=())
"""The mixtures that are being run here, each within the one before."""


class Run:
    """The mixture behind a graph, and what all its nodes do in the same way."""

    def __init__(self, mixture: Mixture) -> None:
        self.mixture = mixture
        self.graph: MoAGraph
        """That the nodes belong to; set when it is compiled."""
        self._prepared = False

    async def prepare(self, state: MoAState) -> None:
        """Refuse to make any call without a conversation, or while a key or a package is missing.

        Raises:
            ConfigurationError: There is no message.
            MissingKeyError: The first key that is missing; `preflight.problems` lists them all.
            MissingDependencyError: The first package that is missing.
        """
        if not state.get("messages"):
            raise ConfigurationError(
                "messages is empty: a mixture needs at least one message, such as the user's question"
            )
        if not self._prepared:
            await in_thread(prepare, self.mixture)
            self._prepared = True

    def limits(self) -> Limits:
        """Return the limits of this mixture and of those that it is nested in, the tighter of each."""
        return reduce(tighter, (run.mixture.effective_limits for run in running.get()), Limits({}))

    def room(self, seat: Seat, node: str, instructions: str | None) -> Room:
        """Return what the context window of a seat leaves for its requests."""
        return Room(seat, node, instructions=instructions, placement=self.mixture.reference_placement)

    def references(self, state: MoAState, layer: int) -> tuple[str, ...]:
        """Return the usable answers that a layer reads, in the order in which they are shown; the first reads none.

        Args:
            state: Of the graph; its `layers` hold the answers.
            layer: Counted from 1; that of the aggregator is one above the last.
        """
        return () if layer == 1 else self.answers(state["layers"][str(layer - 1)], layer - 1)

    def answers(self, record: LayerRecord, layer: int) -> tuple[str, ...]:
        """Return the usable answers of one layer, in the order in which they are shown."""
        return order_references(usable_texts(record), layer=layer, seed=self.mixture.shuffle_seed)

    def compose(
        self, conversation: Sequence[BaseMessage], references: Sequence[str], instructions: str | None
    ) -> list[BaseMessage]:
        """Return a conversation with references, where the mixture places them."""
        placement = self.mixture.reference_placement
        return with_references(conversation, references, instructions=instructions, placement=placement)

    def tell(self, event: ProgressEvent) -> None:
        """Write an event to the graph's `custom` stream."""
        get_runtime().stream_writer(event)
