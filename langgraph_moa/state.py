"""What flows through a mixture's graph: plain dicts, strings, numbers and messages, which any checkpointer can keep."""

from __future__ import annotations

from typing import Annotated

from langchain_core.messages import AnyMessage
from langgraph.channels import Topic
from langgraph.graph import add_messages
from typing_extensions import TypedDict

from langgraph_moa.proposal import Proposal, is_usable


class LayerRecord(TypedDict):
    """What a layer leaves behind."""

    proposals: list[Proposal]
    """Of every slot, in configured order."""
    synthesis: Proposal | None
    """What the layer's own aggregator made of them."""
    substitute: str | None
    """Slot whose proposal stands in for the synthesis, where that aggregator failed."""


class MoAInput(TypedDict):
    """What a mixture reads: a conversation, shared with the graph it is embedded in."""

    messages: Annotated[list[AnyMessage], add_messages]


class MoAOutput(TypedDict):
    """What a mixture gives: the conversation with one message more, and every proposal.

    A parent graph without a `proposals` key receives the message only.
    """

    messages: Annotated[list[AnyMessage], add_messages]
    proposals: list[Proposal]
    """Layer by layer, in configured order."""


class MoAState(TypedDict):
    """All channels of a mixture's graph."""

    messages: Annotated[list[AnyMessage], add_messages]
    proposals: Annotated[list[Proposal], Topic(dict, accumulate=False)]
    """Of the running layer. Cleared by the channel itself after one step, so that no later turn meets them again."""
    layers: dict[str, LayerRecord]
    """By the layer's number; written by joins alone, and fresh in every turn."""


def usable_texts(record: LayerRecord) -> list[str]:
    """Return the texts that a layer passes on, in configured order."""
    synthesis = record["synthesis"]
    if synthesis is not None:
        return [synthesis["text"]]
    return [proposal["text"] for proposal in record["proposals"] if is_usable(proposal)]


def all_proposals(layers: dict[str, LayerRecord]) -> list[Proposal]:
    """Return every proposal, layer by layer, in configured order."""
    return [proposal for number in sorted(layers, key=int) for proposal in layers[number]["proposals"]]
