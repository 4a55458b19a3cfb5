"""What a simulated model answers to one request, before it is written as JSON or as a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph_moa.testing.behaviour import Behaviour, ToolCall
from langgraph_moa.testing.faults import Fault
from langgraph_moa.testing.tokens import count_prompt_tokens, split_tokens

REFUSAL = "I cannot help with that."


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One message of a model and what is said about it."""

    identifier: str
    model: str | None
    text: tuple[str, ...]
    """Tokens of the content."""
    reasoning: tuple[str, ...] = ()
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"
    choices: int = 1
    """How many times it is given, as the request's `n` says."""
    usage: Mapping[str, Any] | None = None
    first_token: Mapping[str, float] | None = None
    """Probabilities of what the content might begin with, the likeliest first; `None`: not told."""

    @property
    def tokens(self) -> int:
        """How many tokens a model would have had to write for one choice."""
        calls = sum(len(split_tokens(call.json)) for call in self.tool_calls)
        return len(self.text) + len(self.reasoning) + len(split_tokens(self.refusal or "")) + calls


def answer_to(
    body: Mapping[str, Any],
    text: str,
    behaviour: Behaviour,
    fault: Fault | None,
    number: int,
    *,
    cached: int | None = None,
) -> Answer:
    """Return the answer to a request.

    Args:
        body: The request.
        text: The reply.
        behaviour: Of the model.
        fault: One that changes the answer; others are ignored.
        number: Of the request, for an identifier.
        cached: Tokens of the prompt that were in the model's cache; `None`: it has none.
    """
    tokens, finish_reason = split_tokens(stopped(text, body.get("stop"))), "stop"
    calls = wanted_calls(body, behaviour)
    refusal = REFUSAL if fault == "refusal" else None
    if refusal or fault == "empty":
        tokens, calls = (), ()
    elif calls:
        tokens, finish_reason = (), "tool_calls"
    if fault == "length":
        tokens, calls, finish_reason = tokens[: len(tokens) // 2], (), "length"
    limit = output_limit(body)
    if limit is not None and len(tokens) > limit:
        tokens, finish_reason = tokens[:limit], "length"
    model = body.get("model")
    answer = Answer(
        identifier=f"chatcmpl-{number}",
        model=f"{model}-substitute" if fault == "wrong_model" else model,
        text=tokens,
        reasoning=split_tokens(behaviour.reasoning or ""),
        refusal=refusal,
        tool_calls=tuple(calls),
        finish_reason=finish_reason,
        choices=body.get("n") or 1,
        first_token=first_token(body, behaviour) if tokens else None,
    )
    if not behaviour.usage or fault == "no_usage":
        return answer
    return _with_usage(answer, count_prompt_tokens(body), cached)


def first_token(body: Mapping[str, Any], behaviour: Behaviour) -> Mapping[str, float] | None:
    """Return the likeliest first tokens with their probabilities, as many as the request asks for."""
    told = behaviour.first_token
    if told is None or not body.get("logprobs"):
        return None
    probabilities = told(dict(body)) if callable(told) else told
    ranked = sorted(probabilities.items(), key=lambda item: -item[1])
    return dict(ranked[: body.get("top_logprobs") or 0])


def wanted_calls(body: Mapping[str, Any], behaviour: Behaviour) -> tuple[ToolCall, ...]:
    """Return the tool calls to make: none when no tool is offered, or when a tool's result is to be answered.

    Where the request wants a call, there is one in any case: those of the behaviour that are wanted, or one without
    arguments.
    """
    choice, offered = body.get("tool_choice"), _offered(body)
    if not body.get("tools") or choice == "none":
        return ()
    if isinstance(choice, Mapping) and isinstance(choice.get("function"), Mapping):
        name = choice["function"].get("name")
        named = tuple(call for call in behaviour.tool_calls if call.name == name)
        return named or ((ToolCall(name=name),) if name in offered else ())
    if choice == "required":
        return tuple(behaviour.tool_calls) or tuple(ToolCall(name=name) for name in offered[:1])
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else {}
    if isinstance(last, Mapping) and last.get("role") == "tool":
        return ()
    return tuple(behaviour.tool_calls)


def _offered(body: Mapping[str, Any]) -> list[str]:
    """Return the names of the request's functions."""
    tools = body.get("tools")
    functions = [tool.get("function") for tool in tools if isinstance(tool, Mapping)] if isinstance(tools, list) else []
    names = [function.get("name") for function in functions if isinstance(function, Mapping)]
    return [name for name in names if isinstance(name, str) and name.strip()]


def stopped(text: str, stop: object) -> str:
    """Return a text up to the first of the sequences that end it: one text, or a list of them."""
    sequences = stop if isinstance(stop, list) else [stop]
    places = [text.find(sequence) for sequence in sequences if isinstance(sequence, str) and sequence]
    return text[: min((place for place in places if place >= 0), default=len(text))]


def output_limit(body: Mapping[str, Any]) -> int | None:
    """Return how many tokens the request allows for the answer."""
    for name in ("max_completion_tokens", "max_tokens"):
        limit = body.get(name)
        if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
            return limit
    return None


def expected_tokens(body: Mapping[str, Any], behaviour: Behaviour) -> int:
    """Return what a request is charged for before it is answered."""
    limit, choices = output_limit(body), body.get("n") or 1
    if not isinstance(behaviour.reply, str):
        return count_prompt_tokens(body) + choices * (limit or 0)
    reply = len(split_tokens(behaviour.reply))
    return count_prompt_tokens(body) + choices * (reply if limit is None else min(limit, reply))


def _with_usage(answer: Answer, prompt: int, cached: int | None) -> Answer:
    written = answer.tokens * answer.choices
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
    }
    if cached is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    if answer.reasoning:
        usage["completion_tokens_details"] = {"reasoning_tokens": len(answer.reasoning) * answer.choices}
    return Answer(**{**vars(answer), "usage": usage})
