"""Whether a mixture's outcome is right: nothing lost, nothing of another run, every failure a typed error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langgraph_moa import AggregatorError, Mixture, QuorumError
from langgraph_moa.mixture.seats import as_aggregator
from tests.soak.sayings import ACTOR, AGGREGATORS, proposal_text, tokens_in
from tests.soak.verdict_on_answers import answer_violations

Outcome = dict[str, Any] | BaseException
Shown = Mapping[str, Sequence[Sequence[str]]]
"""By model, the lists of references that it was shown."""
ProposalTable = Mapping[str, Any]


def kind_of(outcome: Outcome) -> str:
    """Return what a mixture ended in, in a word."""
    if isinstance(outcome, QuorumError | AggregatorError):
        return type(outcome).__name__
    if isinstance(outcome, BaseException):
        return f"untyped {type(outcome).__name__}"
    summary = outcome["messages"][-1].response_metadata["moa"]
    if summary["substitutes"]:
        return "best proposal"
    return "degraded answer" if summary["degraded"] else "full answer"


def violations(token: str, outcome: Outcome, mixture: Mixture, shown: Shown) -> Iterator[str]:
    """Yield all that is wrong with an outcome.

    Args:
        token: Of the question, which no other question has.
        outcome: The state that the graph gave, or what it raised.
        mixture: The recipe.
        shown: Under this token.
    """
    for problem in _violations(token, outcome, mixture, shown):
        yield f"{token}, {mixture.name}: {problem}"


def _violations(token: str, outcome: Outcome, mixture: Mixture, shown: Shown) -> Iterator[str]:
    if not isinstance(outcome, dict | QuorumError | AggregatorError):
        yield f"{type(outcome).__name__}: {outcome}"
        return
    proposals = outcome["proposals"] if isinstance(outcome, dict) else outcome.proposals
    strangers = set(tokens_in(_all_text(outcome, proposals))) - {token}
    if strangers:
        yield f"mixed up with {sorted(strangers)}"
    ended = outcome.layer if isinstance(outcome, QuorumError) else len(mixture.layers)
    planned = [(number, slot.name) for number in range(1, ended + 1) for slot in _layer(mixture, number)]
    found = [(proposal["layer"], proposal["proposer"]) for proposal in proposals]
    if found != planned:
        yield f"the proposals are {found}, not {planned}"
    for proposal in proposals:
        yield from _proposal_violations(token, proposal)
    usable = [
        [one["text"] for one in proposals if one["layer"] == number and one["status"] == "ok"]
        for number in range(1, ended + 1)
    ]
    yield from _quorum_violations(outcome, mixture, usable)
    yield from _shown_violations(outcome, proposals, usable, shown)
    if isinstance(outcome, dict):
        yield from answer_violations(token, outcome, mixture, usable[-1])


def _layer(mixture: Mixture, number: int) -> Sequence[Any]:
    """Return the slots of a layer, none where there is no such layer."""
    return mixture.layers[number - 1].slots(number) if number <= len(mixture.layers) else ()


def _all_text(outcome: Outcome, proposals: Sequence[ProposalTable]) -> str:
    messages = [repr(message) for message in outcome["messages"]] if isinstance(outcome, dict) else [repr(outcome)]
    return "\n".join([repr(proposals), *messages])


def _proposal_violations(token: str, proposal: ProposalTable) -> Iterator[str]:
    who, text = f"{proposal['proposer']} of layer {proposal['layer']}", proposal["text"]
    if proposal["status"] != "ok":
        if text:
            yield f"{who} is {proposal['status']} and says {text!r}"
        if proposal["error"] is None:
            yield f"{who} is {proposal['status']} without a reason"
        return
    whole = proposal_text(token, proposal["proposer"])
    if text != whole and not (proposal["finish_reason"] == "length" and text and whole.startswith(text)):
        yield f"{who} says {text!r}"


def _quorum_violations(outcome: Outcome, mixture: Mixture, usable: Sequence[Sequence[str]]) -> Iterator[str]:
    """Check that each layer that was passed had its quorum, and that who failed had reason and leave to."""
    failed = outcome.layer if isinstance(outcome, QuorumError) else None
    for number, (layer, texts) in enumerate(zip(mixture.layers, usable, strict=False), start=1):
        has_quorum = len(texts) >= layer.quorum
        if has_quorum == (number == failed):
            yield f"layer {number} has {len(texts)} usable of {layer.quorum} and is {'' if failed else 'not '}failed"
        if number == failed and isinstance(outcome, QuorumError) and outcome.quorum != layer.quorum:
            yield f"the error tells a quorum of {outcome.quorum}, not {layer.quorum}"
    if isinstance(outcome, AggregatorError) and as_aggregator(mixture.aggregator).on_failure != "raise":
        yield "AggregatorError, where the best proposal was to stand in"


def _shown_violations(
    outcome: Outcome, proposals: Sequence[ProposalTable], usable: Sequence[Sequence[str]], shown: Shown
) -> Iterator[str]:
    """Check that every stage read the usable texts of the stage before, all of them and no others."""
    lists = {model: [list(references) for references in given] for model, given in shown.items()}
    right = [[], *(list(texts) for texts in usable)]
    aggregating = {model: lists.pop(model) for model in (*AGGREGATORS, ACTOR) if model in lists}
    expected = [] if isinstance(outcome, QuorumError) else [right[-1]]
    for model, given in aggregating.items():
        yield from (f"{model} was shown {one}, not {expected}" for one in given if one not in expected)
    is_answered = isinstance(outcome, dict) and not outcome["messages"][-1].response_metadata["moa"]["substitutes"]
    if is_answered and not aggregating:
        yield "an answer, though no aggregator was asked"
    for model, given in lists.items():
        yield from (f"{model} was shown {one}, not {right[:-1]}" for one in given if one not in right[:-1])
    for proposal in proposals:
        read = right[proposal["layer"] - 1] if proposal["layer"] < len(right) else None
        if proposal["status"] == "ok" and read not in lists.get(proposal["proposer"], []):
            yield f"{proposal['proposer']} of layer {proposal['layer']} answered without having read {read}"
