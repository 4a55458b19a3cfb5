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

    `options["layer"]` holds fields of every layer, `options["mixture"]` of the mixture, and
    `options["aggregator_fallbacks"]` names of models.
    """
    layers = [
        Layer(
            [Proposer(chat_model(name, job), name=f"slot_{index}") for index, name in enumerate(names)],
            **job.options.get("layer", {}),
        )
        for names in job.layers
    ]
    fallbacks = [chat_model(name, job) for name in job.options.get("aggregator_fallbacks", [])]
    aggregator = Aggregator(chat_model(job.aggregator, job), fallbacks=fallbacks)
    return Mixture(layers, aggregator, **job.options.get("mixture", {}))
