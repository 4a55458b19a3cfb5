"""OpenAI's chat-completions protocol: answers and errors as JSON and as server-sent events."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from langgraph_moa.testing.answers import Answer
from langgraph_moa.testing.behaviour import ToolCall
from langgraph_moa.testing.tokens import split_tokens

_ENCODER = json.JSONEncoder(separators=(",", ":"))
_IMPOSSIBLE = -9999.0
DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"
BROKEN_EVENT = b'data: {"id":"chatcmpl-0","choices":[{"index":0,"delta":{"content":"un\n\n'


def encode(data: object) -> bytes:
    """Write JSON without needless spaces."""
    return _ENCODER.encode(data).encode()


def error(message: str, kind: str, code: str | None = None) -> bytes:
    """Return the body of a response with an error status."""
    return encode({"error": {"message": message, "type": kind, "param": None, "code": code}})


def model_list(names: Iterable[str]) -> bytes:
    """Return the body of `/v1/models`."""
    return encode({"object": "list", "data": [model_entry(name) for name in sorted(names)]})


def model_entry(name: str) -> dict[str, Any]:
    """Return what is said about a model."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "simulator"}


def completion(answer: Answer) -> bytes:
    """Return an answer as one JSON body."""
    body = {
        "id": answer.identifier,
        "object": "chat.completion",
        "created": 0,
        "model": answer.model,
        "choices": [_choice(answer, index) for index in range(answer.choices)],
    }
    return encode({**body, "usage": answer.usage} if answer.usage else body)


def _choice(answer: Answer, index: int) -> dict[str, Any]:
    has_text = bool(answer.text) or not (answer.tool_calls or answer.refusal)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(answer.text) if has_text else None,
        "refusal": answer.refusal,
    }
    if answer.reasoning:
        message["reasoning_content"] = "".join(answer.reasoning)
    if answer.tool_calls:
        message["tool_calls"] = [
            {
                "id": call_id(answer, place, index),
                "type": "function",
                "function": {"name": call.name, "arguments": call.json},
            }
            for place, call in enumerate(answer.tool_calls)
        ]
    return {
        "index": index,
        "message": message,
        "finish_reason": answer.finish_reason,
        "logprobs": None if answer.first_token is None else {"content": [_logprobs(answer)], "refusal": None},
    }


def _logprobs(answer: Answer) -> dict[str, Any]:
    """Return what is said about the first token; one that is not among the likeliest is as good as impossible."""
    token, tops = answer.text[0], answer.first_token or {}
    told = [{"token": top, "logprob": math.log(chance), "bytes": list(top.encode())} for top, chance in tops.items()]
    logprob = math.log(tops[token]) if token in tops else _IMPOSSIBLE
    return {"token": token, "logprob": logprob, "bytes": list(token.encode()), "top_logprobs": told}


def call_id(answer: Answer, place: int, choice: int = 0) -> str:
    """Return the identifier of a tool call, which counts from 0, in one of the choices."""
    number = place + choice * len(answer.tool_calls)
    return f"call-{answer.identifier.removeprefix('chatcmpl-')}-{number}"


class EventWriter:
    """Writes an answer as the data of server-sent events.

    Args:
        answer: To be written.
        with_usage: Whether the client asked for token counts in the last event.
        odd_tool_chunks: Whether tool calls are cut in the ways of the less usual servers.
    """

    def __init__(self, answer: Answer, *, with_usage: bool, odd_tool_chunks: bool = False) -> None:
        self._answer = answer
        self._with_usage = with_usage
        self._odd = odd_tool_chunks
        shared = {
            "id": answer.identifier,
            "object": "chat.completion.chunk",
            "created": 0,
            "model": answer.model,
        }
        self._head = b"data: " + encode(shared)[:-1]
        self._tail = b'}],"usage":null}\n\n' if with_usage and answer.usage else b"}]}\n\n"

    def opening(self) -> Iterator[bytes]:
        """Return the first event of each choice: the role."""
        role = {"role": "assistant", "content": ""}
        return (self._delta(role, index) for index in range(self._answer.choices))

    def tokens(self) -> Iterator[bytes]:
        """Return an event for each token of each choice: reasoning, then text or a refusal, then tool calls."""
        for index in range(self._answer.choices):
            yield from self._tokens(index)

    def _tokens(self, index: int) -> Iterator[bytes]:
        answer = self._answer
        yield from (self._delta({"reasoning_content": token}, index) for token in answer.reasoning)
        before, after = self._head + b',"choices":[{"index":%d,"delta":{"content":' % index, self._without_reason(b"}")
        yield from (b"%b%b%b" % (before, json.dumps(token).encode(), after) for token in answer.text)
        yield from (self._delta({"refusal": token}, index) for token in split_tokens(answer.refusal or ""))
        for delta in odd_chunks(answer, index) if self._odd else even_chunks(answer, index):
            yield self._delta({"tool_calls": [delta]}, index)

    def closing(self) -> Iterator[bytes]:
        """Return the last events before `DONE`: why it ends, and token counts."""
        reason = encode(self._answer.finish_reason)
        yield from (
            self._head + b',"choices":[{"index":%d,"delta":{},"finish_reason":%b' % (index, reason) + self._tail
            for index in range(self._answer.choices)
        )
        if self._with_usage and self._answer.usage:
            yield self._head + b',"choices":[],"usage":' + encode(self._answer.usage) + b"}\n\n"

    def _delta(self, delta: Mapping[str, Any], index: int) -> bytes:
        return self._head + b',"choices":[{"index":%d,"delta":' % index + encode(delta) + self._without_reason()

    def _without_reason(self, closing: bytes = b"") -> bytes:
        return closing + b',"finish_reason":null' + self._tail


def even_chunks(answer: Answer, choice: int = 0) -> Iterator[dict[str, Any]]:
    """Cut tool calls as OpenAI does: the name first, then the arguments token by token, with indexes from 0."""
    for place, call in enumerate(answer.tool_calls):
        yield _opened(place, call_id(answer, place, choice), call, "")
        for token in split_tokens(call.json):
            yield {"index": place, "function": {"arguments": token}}


def odd_chunks(answer: Answer, choice: int = 0) -> Iterator[dict[str, Any]]:
    """Cut tool calls as some other servers do.

    Indexes begin at 1 and leave gaps. The identifier is repeated in each chunk of every other call, and null in the
    later chunks of the rest. The arguments are cut in their first character, in the middle and before the last.
    """
    for place, call in enumerate(answer.tool_calls):
        index, identifier, text = 1 + 2 * place, call_id(answer, place, choice), call.json
        cuts = sorted({1, len(text) // 2, max(1, len(text) - 1)})
        starts, ends = [0, *cuts], [*cuts, len(text)]
        first, *rest = (text[start:end] for start, end in zip(starts, ends, strict=True) if start < end or not start)
        yield _opened(index, identifier, call, first)
        for piece in rest:
            repeated = identifier if place % 2 == 0 else None
            yield {"index": index, "id": repeated, "type": "function", "function": {"name": None, "arguments": piece}}


def _opened(index: int, identifier: str, call: ToolCall, arguments: str) -> dict[str, Any]:
    function = {"name": call.name, "arguments": arguments}
    return {"index": index, "id": identifier, "type": "function", "function": function}
