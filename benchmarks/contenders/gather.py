"""The floor: a bare `asyncio.gather` of the same LangChain clients, layer after layer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from langchain_core.messages import convert_to_messages
from openai import DefaultAioHttpClient

from benchmarks.contenders.models import chat_model, with_references
from benchmarks.protocol import Ask, Conversation, Job

NAME = "bare asyncio.gather"
VERSIONS = ["langchain-core", "langchain-openai", "openai"]


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Ask]:
    """Make the clients; with `options["transport"] == "aiohttp"`, over the SDK's other transport."""
    http_client = DefaultAioHttpClient() if job.options.get("transport") == "aiohttp" else None
    layers = [[chat_model(name, job, http_client) for name in layer] for layer in job.layers]
    aggregator = chat_model(job.aggregator, job, http_client)

    async def ask(conversation: Conversation) -> AsyncIterator[str]:
        messages = convert_to_messages(conversation)
        references: list[str] = []
        for layer in layers:
            request = with_references(messages, references)
            references = [answer.text for answer in await asyncio.gather(*(model.ainvoke(request) for model in layer))]
        request = with_references(messages, references)
        if job.stream:
            async for chunk in aggregator.astream(request):
                yield chunk.text
        else:
            yield (await aggregator.ainvoke(request)).text

    try:
        yield ask
    finally:
        if http_client is not None:
            await http_client.aclose()
