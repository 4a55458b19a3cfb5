"""Cuts a message into the chunks of a stream that adds up to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from langgraph_moa.testing.tokens import split_tokens

_TEXTS = ("text", "thinking", "reasoning")


def message_chunks(message: AIMessage) -> Iterator[ChatGenerationChunk]:
    """Return chunks: content, then tool calls; usage and metadata come with the last one.

    A content block with an `index`, as streaming providers give it, is cut into tokens; one without comes whole,
    because chunks without an index would not be put together again.
    """
    empty: dict[str, Any] = {"content": "" if isinstance(message.content, str) else []}
    parts = [*_content_parts(message.content), *_call_parts(message)] or [empty]
    for part in parts[:-1]:
        yield ChatGenerationChunk(message=AIMessageChunk(**{**empty, **part}, id=message.id))
    yield ChatGenerationChunk(
        message=AIMessageChunk(
            **{**empty, **parts[-1]},
            id=message.id,
            additional_kwargs=message.additional_kwargs,
            response_metadata=message.response_metadata,
            usage_metadata=message.usage_metadata,
        )
    )


def count_tokens(message: AIMessage) -> int:
    """Return the tokens of a message: of its texts, its thoughts and the arguments of its tool calls."""
    content = message.content
    blocks = [content] if isinstance(content, str) else content
    texts = [block if isinstance(block, str) else _text_of(block) for block in blocks]
    arguments = [json.dumps(call["args"]) for call in message.tool_calls]
    return sum(len(split_tokens(text)) for text in (*texts, *arguments))


def _text_of(block: dict[str, Any]) -> str:
    key = _text_key(block)
    return block[key] if key else ""


def _text_key(block: dict[str, Any]) -> str | None:
    return next((key for key in _TEXTS if isinstance(block.get(key), str)), None)


def _content_parts(content: str | list[str | dict[str, Any]]) -> Iterator[dict[str, Any]]:
    if isinstance(content, str):
        yield from ({"content": token} for token in split_tokens(content))
        return
    for block in content:
        key = None if isinstance(block, str) or "index" not in block else _text_key(block)
        if key is None or isinstance(block, str):
            yield {"content": [block]}
            continue
        *first, last = split_tokens(block[key]) or ("",)
        named = {"type": block["type"]} if "type" in block else {}
        yield from ({"content": [{**named, key: token, "index": block["index"]}]} for token in first)
        yield {"content": [{**block, key: last}]}


def _call_parts(message: AIMessage) -> Iterator[dict[str, Any]]:
    for index, call in enumerate(message.tool_calls):
        opened = tool_call_chunk(name=call["name"], args="", id=call["id"], index=index)
        yield {"tool_call_chunks": [opened]}
        for token in split_tokens(json.dumps(call["args"])):
            yield {"tool_call_chunks": [tool_call_chunk(name=None, args=token, id=None, index=index)]}
