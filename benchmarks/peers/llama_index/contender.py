"""LlamaIndex's pack, with `OpenAILike` models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from llama_index.llms.openai_like import OpenAILike
from llama_index.packs.mixture_of_agents import MixtureOfAgentsPack

from benchmarks.peers.conversation import as_query
from benchmarks.peers.threads import threads
from benchmarks.protocol import Ask, Conversation, Job

NAME = "LlamaIndex pack"
VERSIONS = ["llama-index-packs-mixture-of-agents", "llama-index-core", "llama-index-llms-openai-like", "openai"]
SHAPE_NOTE = "the proposers of the first layer in every layer"


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Ask]:
    """Make the pack, which runs an event loop of its own for every question."""
    pack = MixtureOfAgentsPack(
        llm=_model(job.aggregator, job),
        reference_llms=[_model(name, job) for name in job.layers[0]],
        num_layers=len(job.layers),
    )
    with threads(job) as in_thread:

        async def ask(conversation: Conversation) -> AsyncIterator[str]:
            yield await in_thread(lambda: str(pack.run(as_query(conversation))))

        yield ask


def _model(name: str, job: Job) -> OpenAILike:
    return OpenAILike(model=name, api_base=job.url, api_key="benchmark", is_chat_model=True)
