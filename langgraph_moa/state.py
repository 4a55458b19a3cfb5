"""What flows through a mixture's graph: plain dicts, strings, numbers and messages, which any checkpointer can keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NotRequired, cast

from langchain_core.messages import AnyMessage
from langgraph.channels import Topic
from langgraph.graph import add_messages
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from langgraph_moa.budget import BudgetDecision
from langgraph_moa.checks import known_keys, shown, whole_number
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.prompts import order_references
from langgraph_moa.proposal import Failure, Place, Proposal, is_usable, of_earlier_run, skipped
from langgraph_moa.savings import Saved
from langgraph_moa.strategies import Decision, Source

_PROPOSAL = TypeAdapter(Proposal)
_OF_EVERY_PROPOSAL = ("layer", "index", "proposer", "model", "status", "text")


class LayerRecord(TypedDict):
    """What a layer leaves behind."""

    proposals: list[Proposal]
    """Of every slot, in configured order."""
    synthesis: Proposal | None
    """What the layer's own aggregator made of them."""
    substitute: str | None
    """Slot whose proposal stands in for the synthesis, where that aggregator failed."""
    decision: NotRequired[Decision | None]
    """How the layer's own aggregator came to the synthesis."""
    budget: NotRequired[BudgetDecision]
    """What is left out from here on because of the budget."""
    warm_up: NotRequired[Proposal]
    """What was done for the aggregator meanwhile; only the last layer of a mixture with `Aggregator.warm_up` says it.
    """
    saved: NotRequired[Saved]
    """What is left out here and from here on because proposals agree; other layers than those with `stop_when` do not
    say it."""


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


class WarmedState(MoAState):
    """The channels of a mixture that warms its aggregator up."""

    warm_ups: Annotated[list[Proposal], Topic(dict, accumulate=False)]
    """What came of it, until the join has written it down; cleared as `proposals`."""


class Advice(TypedDict):
    """What layers give that no aggregator follows."""

    layers: dict[str, LayerRecord]
    """By the layer's number."""


def layers_of(proposals: Sequence[object]) -> dict[str, LayerRecord]:
    """Return the layers that proposals of an earlier run are of. What they took was counted in that run.

    Args:
        proposals: As a run gave them, also out of JSON and of another version: fields that it did not have yet get what
            they are in a proposal that no request was made for.

    Raises:
        ConfigurationError: One is no proposal, or two are of one slot.
    """
    read = [_read_proposal(f"proposals[{position}]", given) for position, given in enumerate(proposals)]
    for key in ("proposer", "index"):
        first_at: dict[tuple[int, str | int], int] = {}
        for position, one in enumerate(read):
            value: str | int = one[key]
            first = first_at.setdefault((one["layer"], value), position)
            if first != position:
                raise ConfigurationError(
                    f"proposals[{position}].{key} is {shown(value)} in layer {one['layer']}, as in proposals[{first}]: "
                    "give each slot of a layer once, as one run gave them"
                )
    return records_of(read)


def _read_proposal(what: str, given: object) -> Proposal:
    """Return a proposal as `layers_of` takes it; `what` names it in errors."""
    table = known_keys(what, given)
    unmade = skipped(Place(1, 0, ""), "", Failure(kind="", message=""))
    defaults = {key: value for key, value in {**unmade, "error": None}.items() if key not in _OF_EVERY_PROPOSAL}
    try:
        read = _PROPOSAL.validate_python(of_earlier_run(cast("Proposal", {**defaults, **table})), strict=True)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        where = ".".join([what, *map(str, wrong["loc"])])
        got = "it is missing" if wrong["type"] == "missing" else f"{wrong['msg']}; got {shown(wrong['input'])}"
        raise ConfigurationError(f'{where}: {got}. Give a run\'s own: out["proposals"]') from None
    whole_number(f"{what}.layer", read["layer"], low=1)
    whole_number(f"{what}.index", read["index"], low=0)
    return read


def records_of(proposals: Sequence[Proposal]) -> dict[str, LayerRecord]:
    """Return the layers that proposals are of."""
    layers: dict[str, LayerRecord] = {}
    for proposal in sorted(proposals, key=lambda one: (one["layer"], one["index"])):
        record = LayerRecord(proposals=[], synthesis=None, substitute=None)
        layers.setdefault(str(proposal["layer"]), record)["proposals"].append(proposal)
    return layers


def usable_sources(record: LayerRecord) -> list[Source]:
    """Return what a layer passes on, and whose it is, in configured order."""
    synthesis = record["synthesis"]
    passed_on = [synthesis] if synthesis is not None else filter(is_usable, record["proposals"])
    return [Source(one["text"], one["proposer"], one["model"], one["index"]) for one in passed_on]


def usable_texts(record: LayerRecord) -> list[str]:
    """Return the texts that a layer passes on, in configured order."""
    return [source.text for source in usable_sources(record)]


def last_references(layers: Mapping[str, LayerRecord], *, seed: int | None) -> tuple[str, ...]:
    """Return what the stage after the last layer reads, in the order in which it is shown: see `last_sources`."""
    return tuple(source.text for source in last_sources(layers, seed=seed))


def last_sources(layers: Mapping[str, LayerRecord], *, seed: int | None) -> tuple[Source, ...]:
    """Return the references of the stage after the last layer, and whose they are, in the order in which it is shown.

    Args:
        layers: By their numbers; at least one.
        seed: `Mixture.shuffle_seed`.
    """
    number = max(layers, key=int)
    return order_references(usable_sources(layers[number]), layer=int(number), seed=seed)


def all_proposals(layers: dict[str, LayerRecord]) -> list[Proposal]:
    """Return every proposal, layer by layer, in configured order."""
    return [proposal for number in sorted(layers, key=int) for proposal in layers[number]["proposals"]]


def is_dropped(layers: Mapping[str, LayerRecord], number: int) -> bool:
    """Say whether a layer is left out because of the budget or of an agreement, as the one before has decided.

    Args:
        layers: What the layers before left behind.
        number: Counted from 1.
    """
    record = layers[str(number - 1)]
    is_saved = "saved" in record and number in record["saved"]["layers"]
    return is_saved or ("budget" in record and number in record["budget"]["dropped_layers"])


def layer_seconds(record: LayerRecord) -> float:
    """Return the seconds in which a slot of a layer was at work, and those of its own aggregator.

    Seconds in which several were count once; those in which none was, as while a person was waited for, do not count.
    """
    spans = [(call["started_at"], seconds_of(call)) for call in record["proposals"] if call["started_at"] is not None]
    total, latest = 0.0, float("-inf")
    for start, seconds in sorted(spans):
        total += max(0.0, start + seconds - max(start, latest))
        latest = max(latest, start + seconds)
    synthesis = record["synthesis"]
    return total if synthesis is None else total + seconds_of(synthesis)


def seconds_of(call: Proposal) -> float:
    """Return a seat's seconds, those of its models and those that it waited."""
    return (call["latency"] or 0.0) + call["waited"]
