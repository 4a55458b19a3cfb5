"""What the nodes of one compiled graph share."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import BaseMessage
from langgraph.runtime import get_runtime

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.events import ProgressEvent
from langgraph_moa.mixture import Mixture
from langgraph_moa.preflight import prepare
from langgraph_moa.prompts import order_references, with_references
from langgraph_moa.state import LayerRecord, MoAState, usable_texts
from langgraph_moa.threads import in_thread


class Run:
    """The mixture behind a graph, and what all its nodes do in the same way."""

    def __init__(self, mixture: Mixture) -> None:
        self.mixture = mixture
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

    def request(
        self, conversation: Sequence[BaseMessage], state: MoAState, layer: int, instructions: str | None
    ) -> list[BaseMessage]:
        """Return what a model of a layer is shown: the conversation, with the usable answers of the layer before.

        Args:
            conversation: As this model sees it.
            state: Of the graph; its `layers` hold the answers.
            layer: The model's, counted from 1; that of the aggregator is one above the last.
            instructions: What to do with the references; `None`: the built-in wording.
        """
        if layer == 1:
            return list(conversation)
        return self.merge_request(conversation, state["layers"][str(layer - 1)], layer - 1, instructions)

    def merge_request(
        self, conversation: Sequence[BaseMessage], record: LayerRecord, layer: int, instructions: str | None
    ) -> list[BaseMessage]:
        """Return a conversation with the usable answers of one layer as references."""
        return with_references(
            conversation,
            order_references(usable_texts(record), layer=layer, seed=self.mixture.shuffle_seed),
            instructions=instructions,
            placement=self.mixture.reference_placement,
        )

    def tell(self, event: ProgressEvent) -> None:
        """Write an event to the graph's `custom` stream."""
        get_runtime().stream_writer(event)
