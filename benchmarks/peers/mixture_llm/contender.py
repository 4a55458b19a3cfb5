"""mixture-llm, with the `AsyncOpenAI` client of its README."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mixture_llm import Aggregate, Propose, Synthesize, run
from mixture_llm.core import Client, Message
from openai import AsyncOpenAI

from benchmarks.peers.jobs import address, as_query
from benchmarks.protocol import Ask, Conversation, Job

NAME = "mixture-llm"
VERSIONS = ["mixture-llm", "openai"]


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Ask]:
    """Make one client for all models."""
    first, *later = job.layers
    pipeline = [Propose(first), *map(Synthesize, later), Aggregate(job.aggregator)]
    async with AsyncOpenAI(base_url=address(job), api_key="benchmark") as provider:
        client = _asking(provider)

        async def ask(conversation: Conversation) -> AsyncIterator[str]:
            answer, _ = await run(pipeline, as_query(conversation), client)
            yield answer

        yield ask


def _asking(provider: AsyncOpenAI) -> Client:
    async def client(*, model: str, messages: list[Message], temp: float, max_tokens: int) -> tuple[str, int, int]:
        response: Any = await provider.chat.completions.create(
            model=model, messages=messages, temperature=temp, max_tokens=max_tokens
        )
        usage = response.usage
        return response.choices[0].message.content, usage.prompt_tokens, usage.completion_tokens

    return client
