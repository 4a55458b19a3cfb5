"""Whether a mixture's outcome is right: nothing lost, nothing of another run, every failure a typed error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from langgraph_moa import AggregatorError, QuorumError
from langgraph_moa.proposal import is_usable
from tests.soak.provider import NOTED, PROPOSERS

_TOKEN = re.compile(r"question-\d+")


def kind_of(outcome: dict[str, Any] | BaseException) -> str:
    """Return what a mixture ended in, in a word."""
    if isinstance(outcome, QuorumError | AggregatorError):
        return type(outcome).__name__
    if isinstance(outcome, BaseException):
        return f"untyped {type(outcome).__name__}"
    summary = outcome["messages"][-1].response_metadata["moa"]
    if summary["substitutes"]:
        return "best proposal"
    return "degraded answer" if summary["degraded"] else "full answer"


def violations(token: str, outcome: dict[str, Any] | BaseException) -> Iterator[str]:
    """Yield all that is wrong with an outcome.

    Args:
        token: Of the question, which no other question has.
        outcome: The state that the graph gave, or what it raised.
    """
    proposals: list[Any]
    if isinstance(outcome, dict):
        proposals = outcome["proposals"]
    elif isinstance(outcome, QuorumError | AggregatorError):
        proposals = outcome.proposals
    else:
        yield f"{token}: {type(outcome).__name__}: {outcome}"
        return
    strangers = set(_TOKEN.findall(json.dumps(proposals))) - {token}
    if strangers:
        yield f"{token}: mixed up with {strangers}"
    if len(proposals) % len(PROPOSERS):
        yield f"{token}: {len(proposals)} proposals, some are lost"
    for proposal in proposals:
        usable = proposal["status"] == "ok"
        if usable and not proposal["text"].startswith(token):
            yield f"{token}: {proposal['proposer']} said {proposal['text']!r}"
        if not usable and proposal["error"] is None:
            yield f"{token}: {proposal['proposer']} is {proposal['status']} without a reason"
    if isinstance(outcome, dict):
        yield from _answer_violations(token, outcome)


def _answer_violations(token: str, outcome: dict[str, Any]) -> Iterator[str]:
    answer = outcome["messages"][-1]
    last = max(proposal["layer"] for proposal in outcome["proposals"])
    usable = [one["text"] for one in outcome["proposals"] if one["layer"] == last and is_usable(one)]
    if answer.tool_calls:
        if [(call["name"], call["args"]) for call in answer.tool_calls] != [("note", NOTED)]:
            yield f"{token}: the tool call is {answer.tool_calls}"
    elif set(_TOKEN.findall(answer.text)) != {token}:
        yield f"{token}: the answer is {answer.text!r}"
    elif answer.response_metadata["moa"]["substitutes"]:
        if answer.text not in usable:
            yield f"{token}: no proposal is {answer.text!r}"
    elif answer.response_metadata.get("finish_reason") != "length":
        shown = json.loads(answer.text.partition(" from ")[2])
        if shown != usable:
            yield f"{token}: the aggregator was shown {shown}, not {usable}"
