"""Every way to ask a chat model."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.runnables import Runnable

from langgraph_moa.testing import ScriptedChatModel

Chat = Runnable[Any, Any]
Way = Callable[[Chat], AIMessage]
QUESTION = "What is a quorum?"


def invoke(chat: Chat) -> AIMessage:
    """Call synchronously."""
    return whole(chat.invoke(QUESTION))


def ainvoke(chat: Chat) -> AIMessage:
    """Call in a loop of its own."""
    return whole(asyncio.run(chat.ainvoke(QUESTION)))


def stream(chat: Chat) -> AIMessage:
    """Add up what is streamed."""
    return whole(reduce(operator.add, chat.stream(QUESTION)))


def astream(chat: Chat) -> AIMessage:
    """Add up what is streamed in a loop of its own."""

    async def collect() -> list[AIMessageChunk]:
        return [chunk async for chunk in chat.astream(QUESTION)]

    return whole(reduce(operator.add, asyncio.run(collect())))


def batch(chat: Chat) -> AIMessage:
    """Return the one answer of a batch."""
    (answer,) = chat.batch([QUESTION])
    return whole(answer)


def abatch(chat: Chat) -> AIMessage:
    """Return the one answer of an asynchronous batch."""
    (answer,) = asyncio.run(chat.abatch([QUESTION]))
    return whole(answer)


def within_a_coroutine(chat: Chat) -> AIMessage:
    """Call synchronously where a loop is running, as a notebook's cell does."""

    async def cell() -> AIMessage:
        return invoke(chat)

    return asyncio.run(cell())


def stream_within_a_coroutine(chat: Chat) -> AIMessage:
    """Stream synchronously where a loop is running."""

    async def cell() -> AIMessage:
        return stream(chat)

    return asyncio.run(cell())


def in_a_thread(chat: Chat) -> AIMessage:
    """Call from a thread."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(invoke, chat).result()


WAYS = (invoke, ainvoke, stream, astream, batch, abatch, within_a_coroutine, stream_within_a_coroutine, in_a_thread)
HERE = tuple(way for way in WAYS if way is not in_a_thread)
"""The ways that stay in the caller's context."""
every_way = pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
every_way_here = pytest.mark.parametrize("way", HERE, ids=[way.__name__ for way in HERE])


def whole(answer: Any) -> AIMessage:
    """Return an answer, which must be an `AIMessage`."""
    assert isinstance(answer, AIMessage)
    return answer


def scripted(name: str, reply: Any = "ok", **options: Any) -> ScriptedChatModel:
    """Return a model that says its name, or what it is told to say."""
    return ScriptedChatModel(model_name=name, replies=reply, **options)


def tokens(read: int, written: int) -> UsageMetadata:
    """Return what a provider reports."""
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
