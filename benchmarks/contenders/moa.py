"""Ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.messages import AIMessageChunk

from benchmarks.contenders.models import chat_model
from benchmarks.protocol import Ask, Conversation, Job
from langgraph_moa import Aggregator, Layer, Mixture, Proposer, create_moa

NAME = "langgraph-moa"
VERSIONS = ["langgraph-moa", "langgraph", "langchain-core", "langchain-openai", "openai"]


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Ask]:
    """Compile the mixture."""
    graph = create_moa(mixture(job))

    async def ask(conversation: Conversation) -> AsyncIterator[str]:
        given: Any = {"messages": conversation}
        if job.stream:
            async for chunk, _ in graph.astream(given, stream_mode="messages"):
                if isinstance(chunk, AIMessageChunk):
                    yield chunk.text
        else:
            yield (await graph.ainvoke(given))["messages"][-1].text

    yield ask


def mixture(job: Job) -> Mixture:
    """Return a job's mixture.

    `options` holds fields of every `proposer`, of every `layer`, of the `aggregator` and of the `mixture`, names of
    `aggregator_fallbacks`, and the `aggregator_url` where its provider is another one.
    """
    fields = job.options
    layers = [
        Layer(
            [
                Proposer(chat_model(name, job), name=f"slot_{index}", **fields.get("proposer", {}))
                for index, name in enumerate(names)
            ],
            **fields.get("layer", {}),
        )
        for names in job.layers
    ]
    last = chat_model(job.aggregator, job, url=fields.get("aggregator_url"))
    fallbacks = [chat_model(name, job) for name in fields.get("aggregator_fallbacks", [])]
    aggregator = Aggregator(last, fallbacks=fallbacks, **fields.get("aggregator", {}))
    return Mixture(layers, aggregator, **fields.get("mixture", {}))
