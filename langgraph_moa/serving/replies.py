"""A mixture's answer in the form that OpenAI's clients read: whole, or in chunks. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata, add_usage

from langgraph_moa.proposal import finish_reason, visible_text

_REASONS = {"length": "length", "max_tokens": "length", "content_filter": "content_filter", "refusal": "content_filter"}
_TOLD = ("mixture", "degraded", "ok", "planned", "missing", "cost", "timing", "decision", "saved")
"""What a reply says of its run, under `moa`."""


def completion(
    about: Mapping[str, Any], answers: Sequence[AIMessage], runs: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a `chat.completion`.

    Args:
        about: Its `id`, `created` and `model`.
        answers: One for each choice.
        runs: Summary of each.
    """
    choices = [
        {"index": index, "message": _message(answer), "logprobs": None, "finish_reason": reason_of(answer)}
        for index, answer in enumerate(answers)
    ]
    usage = usage_of([answer.usage_metadata for answer in answers])
    return {**about, "object": "chat.completion", "choices": choices, "usage": usage, "moa": told(runs)}


def chunk(about: Mapping[str, Any], index: int, delta: Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
    """Return a `chat.completion.chunk` of one choice."""
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
    return {**about, "object": "chat.completion.chunk", "choices": [choice]}


def closing(
    about: Mapping[str, Any], answers: Sequence[AIMessage], runs: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the last chunk, of no choice: the tokens of all calls."""
    usage = usage_of([answer.usage_metadata for answer in answers])
    return {**about, "object": "chat.completion.chunk", "choices": [], "usage": usage, "moa": told(runs)}


def delta_of(piece: AIMessageChunk, text: str) -> dict[str, Any]:
    """Return what a piece adds to an answer; empty where it adds nothing.

    Args:
        piece: As the mixture streams it.
        text: What of its text can be shown.
    """
    calls = [_call_delta(call) for call in piece.tool_call_chunks]
    return {**({"content": text} if text else {}), **({"tool_calls": calls} if calls else {})}


def reason_of(answer: AIMessage) -> str:
    """Return why an answer ended, in OpenAI's words."""
    if answer.tool_calls or answer.invalid_tool_calls:
        return "tool_calls"
    return _REASONS.get(finish_reason(answer) or "", "stop")


def usage_of(counts: Sequence[UsageMetadata | None]) -> dict[str, Any] | None:
    """Return the sum of what is known of the tokens; `None` when nothing is."""
    known = [count for count in counts if count is not None]
    if not known:
        return None
    total = known[0]
    for count in known[1:]:
        total = add_usage(total, count)
    return {
        "prompt_tokens": total["input_tokens"],
        "completion_tokens": total["output_tokens"],
        "total_tokens": total["total_tokens"],
        "prompt_tokens_details": {"cached_tokens": total.get("input_token_details", {}).get("cache_read")},
        "completion_tokens_details": {"reasoning_tokens": total.get("output_token_details", {}).get("reasoning")},
    }


def told(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a reply says of its runs: of one run itself, of several a list under `runs`."""
    found = [{name: run[name] for name in _TOLD if name in run} for run in runs]
    return found[0] if len(found) == 1 else {"runs": found}


def _message(answer: AIMessage) -> dict[str, Any]:
    calls = [
        *(_call(call["id"], call["name"], json.dumps(call["args"], ensure_ascii=False)) for call in answer.tool_calls),
        *(_call(call["id"], call["name"], call["args"] or "") for call in answer.invalid_tool_calls),
    ]
    text = visible_text(answer)
    content = text if text or not calls else None
    return {"role": "assistant", "content": content, "refusal": None, **({"tool_calls": calls} if calls else {})}


def _call(id_: str | None, name: str | None, arguments: str) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def _call_delta(call: Mapping[str, Any]) -> dict[str, Any]:
    function = {name: call[key] for name, key in (("name", "name"), ("arguments", "args")) if call[key] is not None}
    started = {"id": call["id"], "type": "function"} if call["id"] is not None else {}
    return {"index": call["index"] or 0, **started, "function": function}
