"""The answer of a structured mixture: which proposals support its fields, and what stands in for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage

from langgraph_moa.agreement import FieldAgreement, field_agreement, nearest, plurality
from langgraph_moa.answering import Proposed
from langgraph_moa.proposal import Failure, Place, Proposal, is_usable, skipped
from langgraph_moa.schemas import AnswerSchema, Unreadable


class StandIn(NamedTuple):
    """What is given where an aggregator failed."""

    text: str
    nearest: Proposal
    """The proposal that has most of its fields."""


def agreement_on(
    schema: AnswerSchema, answer: AIMessage, proposals: Sequence[Proposal]
) -> dict[str, FieldAgreement] | None:
    """Return how far the usable proposals of the last layer agree with each field of an answer.

    Args:
        schema: Of both.
        answer: Of the mixture.
        proposals: Of every layer, in configured order.

    Returns:
        `None` where the answer is no value, as one that calls a tool.
    """
    value = _value(schema, answer)
    if value is None:
        return None
    return field_agreement(value, [(one["proposer"], _value_of(schema, one)) for one in usable_in_last(proposals)])


def stand_in(schema: AnswerSchema, proposals: Sequence[Proposal]) -> StandIn | None:
    """Merge the usable proposals of the last layer: each field is as most of them have it.

    Where the fields do not fit together, the proposal that has most of them stands alone. `None`: none holds a value.
    """
    found = [(one, value) for one in usable_in_last(proposals) if (value := _value_of(schema, one)) is not None]
    if not found:
        return None
    values = [value for _, value in found]
    merged = plurality(values)
    best, own = found[nearest(merged, values)]
    fitting = _value(schema, AIMessage(schema.write(merged)))
    return StandIn(schema.write(own if fitting is None else fitting), best)


def usable_in_last(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Return the usable proposals of the last layer, in configured order."""
    last = max((one["layer"] for one in proposals), default=0)
    return [one for one in proposals if one["layer"] == last and is_usable(one)]


def to_carry(proposals: Sequence[Proposal]) -> list[Proposed]:
    """Return what the next step of a turn needs of the usable proposals of the last layer."""
    return [
        Proposed(layer=one["layer"], index=one["index"], proposer=one["proposer"], model=one["model"], text=one["text"])
        for one in usable_in_last(proposals)
    ]


def carried(proposed: Sequence[Proposed]) -> list[Proposal]:
    """Return the proposals of an earlier step of a turn; what they took was counted in that step."""
    earlier = Failure(kind="Earlier", message="asked in an earlier step of the turn")
    places = [Place(one["layer"], one["index"], one["proposer"]) for one in proposed]
    return [
        Proposal({**skipped(place, one["model"], earlier), "status": "ok", "text": one["text"], "error": None})
        for place, one in zip(places, proposed, strict=True)
    ]


def _value_of(schema: AnswerSchema, proposal: Proposal) -> Mapping[str, Any] | None:
    """Return the value of a proposal; `None` for one that a person has edited into something else."""
    return _value(schema, AIMessage(proposal["text"]))


def _value(schema: AnswerSchema, message: AIMessage) -> Mapping[str, Any] | None:
    try:
        return schema.read(message)
    except Unreadable:
        return None
