"""What flows through a mixture's graph: plain dicts, strings, numbers and messages, which any checkpointer can keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NotRequired

from langchain_core.messages import AnyMessage
from langgraph.channels import Topic
from langgraph.graph import add_messages
from typing_extensions import TypedDict

from langgraph_moa.budget import BudgetDecision
from langgraph_moa.prompts import order_references
from langgraph_moa.proposal import Proposal, is_usable, of_earlier_run


class LayerRecord(TypedDict):
    """What a layer leaves behind."""

    proposals: list[Proposal]
    """Of every slot, in configured order."""
    synthesis: Proposal | None
    """What the layer's own aggregator made of them."""
    substitute: str | None
    """Slot whose proposal stands in for the synthesis, where that aggregator failed."""
    budget: NotRequired[BudgetDecision]
    """What is left out from here on because of the budget."""


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


class Advice(TypedDict):
    """What layers give that no aggregator follows."""

    layers: dict[str, LayerRecord]
    """By the layer's number."""


def layers_of(proposals: Sequence[Proposal]) -> dict[str, LayerRecord]:
    """Return the layers that proposals of an earlier run are of. What they took was counted in that run."""
    layers: dict[str, LayerRecord] = {}
    for proposal in sorted(proposals, key=lambda one: (one["layer"], one["index"])):
        record = LayerRecord(proposals=[], synthesis=None, substitute=None)
        layers.setdefault(str(proposal["layer"]), record)["proposals"].append(of_earlier_run(proposal))
    return layers


def usable_texts(record: LayerRecord) -> list[str]:
    """Return the texts that a layer passes on, in configured order."""
    synthesis = record["synthesis"]
    if synthesis is not None:
        return [synthesis["text"]]
    return [proposal["text"] for proposal in record["proposals"] if is_usable(proposal)]


def last_references(layers: Mapping[str, LayerRecord], *, seed: int | None) -> tuple[str, ...]:
    """Return what the stage after the last layer reads, in the order in which it is shown.

    Args:
        layers: By their numbers; at least one.
        seed: `Mixture.shuffle_seed`.
    """
    number = max(layers, key=int)
    return order_references(usable_texts(layers[number]), layer=int(number), seed=seed)


def all_proposals(layers: dict[str, LayerRecord]) -> list[Proposal]:
    """Return every proposal, layer by layer, in configured order."""
    return [proposal for number in sorted(layers, key=int) for proposal in layers[number]["proposals"]]


def is_dropped(layers: Mapping[str, LayerRecord], number: int) -> bool:
    """Say whether a layer is left out because of the budget, as the one before has decided.

    Args:
        layers: What the layers before left behind.
        number: Counted from 1.
    """
    record = layers[str(number - 1)]
    return "budget" in record and number in record["budget"]["dropped_layers"]


def layer_seconds(record: LayerRecord) -> float:
    """Return a layer's seconds: from its first call to its last answer, and those of its own aggregator."""
    spans = [
        (call["started_at"], call["started_at"] + seconds_of(call))
        for call in record["proposals"]
        if call["started_at"] is not None
    ]
    synthesis = record["synthesis"]
    merging = seconds_of(synthesis) if synthesis is not None else 0.0
    return merging + (max(end for _, end in spans) - min(start for start, _ in spans) if spans else 0.0)


def seconds_of(call: Proposal) -> float:
    """Return a seat's seconds, those of its models and those that it waited."""
    return (call["latency"] or 0.0) + call["waited"]
