"""The workflow of LlamaIndex's pack, with `OpenAILike` models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from llama_index.llms.openai_like import OpenAILike
from llama_index.packs.mixture_of_agents.base import MixtureOfAgentWorkflow

from benchmarks.peers.conversation import as_query
from benchmarks.protocol import Ask, Conversation, Job

NAME = "LlamaIndex pack"
VERSIONS = ["llama-index-packs-mixture-of-agents", "llama-index-core", "llama-index-llms-openai-like", "openai"]
SHAPE_NOTE = "the proposers of the first layer in every layer"
_TIMEOUT = 200
"""Seconds: the pack's default."""


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Ask]:
    """Make the workflow that the pack would run, as the pack itself cannot be run where an event loop runs."""
    workflow = MixtureOfAgentWorkflow(
        main_llm=_model(job.aggregator, job),
        reference_llms=[_model(name, job) for name in job.layers[0]],
        num_layers=len(job.layers),
        timeout=_TIMEOUT,
    )

    async def ask(conversation: Conversation) -> AsyncIterator[str]:
        yield str(await workflow.run(query_str=as_query(conversation)))

    yield ask


def _model(name: str, job: Job) -> OpenAILike:
    return OpenAILike(model=name, api_base=job.url, api_key="benchmark", is_chat_model=True)
