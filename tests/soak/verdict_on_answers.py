"""Whether an answer is the aggregator's, or a substitute that the recipe asks for, and what it says of its run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langgraph_moa import Mixture
from langgraph_moa.mixture.seats import as_aggregator
from tests.soak.recipes import ACTING
from tests.soak.sayings import NOTED, answer_text, question


def answer_violations(token: str, output: dict[str, Any], mixture: Mixture, usable: Sequence[str]) -> Iterator[str]:
    """Yield all that is wrong with an answer.

    Args:
        token: Of the question.
        output: What the graph gave.
        mixture: The recipe.
        usable: Texts of the last layer.
    """
    *earlier, answer = output["messages"]
    if [message.text for message in earlier] != [question(token)]:
        yield f"the conversation before the answer is {earlier}"
    summary = answer.response_metadata["moa"]
    yield from _summary_violations(summary, output["proposals"])
    if summary["substitutes"]:
        yield from _substitute_violations(answer.text, summary["substitutes"], output["proposals"], mixture)
    elif answer.tool_calls:
        calls = [(call["name"], call["args"]) for call in answer.tool_calls]
        if mixture.name != ACTING or calls != [("note", NOTED)] or answer.text:
            yield f"the tool calls are {calls}, beside {answer.text!r}"
    else:
        whole = answer_text(token, usable)
        is_cut = answer.response_metadata.get("finish_reason") == "length"
        if not (is_cut and answer.text and whole.startswith(answer.text)) and (
            mixture.name == ACTING or answer.text != whole
        ):
            yield f"the answer is {answer.text!r}, not {whole!r}"


def _substitute_violations(
    text: str, substitutes: Sequence[Mapping[str, Any]], proposals: Sequence[Mapping[str, Any]], mixture: Mixture
) -> Iterator[str]:
    if as_aggregator(mixture.aggregator).on_failure != "best_proposal":
        yield f"the substitutes are {substitutes}, where the recipe wants an error"
    named = [(one["seat"], one["layer"], one["proposer"]) for one in substitutes]
    last = len(mixture.layers)
    fitting = [
        ("aggregator", last, one["proposer"])
        for one in proposals
        if one["layer"] == last and one["status"] == "ok" and one["text"] == text
    ]
    if len(named) != 1 or named[0] not in fitting:
        yield f"the substitutes are {named}, the answer {text!r} is that of {fitting}"


def _summary_violations(summary: Mapping[str, Any], proposals: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    missing = [(one["layer"], one["proposer"], one["status"]) for one in proposals if one["status"] != "ok"]
    told = [(one["layer"], one["proposer"], one["status"]) for one in summary["missing"]]
    counts = (summary["ok"], summary["planned"])
    if told != missing or counts != (len(proposals) - len(missing), len(proposals)):
        yield f"the summary tells {counts} and {told}, missing are {missing}"
    if (missing or summary["substitutes"]) and not summary["degraded"]:
        yield "the summary calls a degraded run whole"
