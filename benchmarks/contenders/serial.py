"""The way of the paper's evaluation scripts, re-implemented: one proposer after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from openai import AsyncOpenAI

from benchmarks.contenders.reference import complete, with_system_references
from benchmarks.protocol import Ask, Conversation, Job

NAME = "paper's way, one by one"
VERSIONS = ["openai"]


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Ask]:
    """Make one client for all models."""
    async with AsyncOpenAI(base_url=job.url, api_key="benchmark") as client:

        async def ask(conversation: Conversation) -> AsyncIterator[str]:
            references: list[str] = []
            for layer in job.layers:
                request = with_system_references(conversation, references)
                references = [await complete(client, job, name, request) for name in layer]
            yield await complete(client, job, job.aggregator, with_system_references(conversation, references))

        yield ask
