"""The paper's reference way, re-implemented: the provider's own SDK, layers gathered one after the other.

Wang et al. 2024 (arXiv:2406.04692), and the script beside it that shows the method: references stand in the system
message, numbered, and the last answer is streamed. The wording is this project's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from benchmarks.contenders.models import InProcessModel
from benchmarks.protocol import Ask, Conversation, Job

NAME = "paper's way, gathered"
VERSIONS = ["openai"]


Proposing = Callable[[list[Coroutine[Any, Any, str]]], Awaitable[list[str]]]
"""Awaits the calls of one layer, and gives their answers in the same order."""


async def gathered(calls: list[Coroutine[Any, Any, str]]) -> list[str]:
    """Await calls side by side."""
    return list(await asyncio.gather(*calls))


def opened(job: Job) -> AbstractAsyncContextManager[Ask]:
    """Make one client for all models, which propose side by side."""
    return opened_with(job, gathered)


@asynccontextmanager
async def opened_with(job: Job, propose: Proposing) -> AsyncIterator[Ask]:
    """Make one client for all models, which propose in a way of their own."""
    async with AsyncOpenAI(base_url=job.url, api_key="benchmark") as client:

        async def ask(conversation: Conversation) -> AsyncIterator[str]:
            references: list[str] = []
            for layer in job.layers:
                request = with_system_references(conversation, references)
                references = await propose([complete(client, job, name, request) for name in layer])
            request = with_system_references(conversation, references)
            if job.stream and job.url is not None:
                async for piece in stream(client, job.aggregator, request):
                    yield piece
            else:
                yield await complete(client, job, job.aggregator, request)

        yield ask


def with_system_references(conversation: Conversation, references: list[str]) -> Conversation:
    """Return a request with the references in its system message, which is put first where there is none."""
    if not references:
        return conversation
    numbered = "\n".join(f"{number}. {text}" for number, text in enumerate(references, start=1))
    told = f"Several models have answered the user's last message. Write one better answer from theirs.\n{numbered}"
    first, *rest = conversation
    if first["role"] == "system":
        return [{"role": "system", "content": f"{first['content']}\n\n{told}"}, *rest]
    return [{"role": "system", "content": told}, *conversation]


async def complete(client: AsyncOpenAI, job: Job, model: str, request: Conversation) -> str:
    """Return a model's answer."""
    if job.url is None:
        return (await InProcessModel(model=model, delay=job.delay).ainvoke(list(request))).text
    messages = cast("list[ChatCompletionMessageParam]", request)
    completion = await client.chat.completions.create(model=model, messages=messages)
    return completion.choices[0].message.content or ""


async def stream(client: AsyncOpenAI, model: str, request: Conversation) -> AsyncIterator[str]:
    """Yield a model's answer token by token."""
    messages = cast("list[ChatCompletionMessageParam]", request)
    async for chunk in await client.chat.completions.create(model=model, messages=messages, stream=True):
        if chunk.choices:
            yield chunk.choices[0].delta.content or ""
