"""The workflow of LlamaIndex's pack, with `OpenAILike` models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from llama_index.llms.openai_like import OpenAILike
from llama_index.packs.mixture_of_agents.base import MixtureOfAgentWorkflow

from benchmarks.peers.jobs import address, as_query
from benchmarks.protocol import Ask, Conversation, Job

NAME = "LlamaIndex pack"
VERSIONS = ["llama-index-packs-mixture-of-agents", "llama-index-core", "llama-index-llms-openai-like", "openai"]
_TIMEOUT = 200
"""Seconds: the pack's default."""


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Ask]:
    """Make the models; a workflow can be run only once, and the pack itself not where an event loop runs."""
    aggregator = _model(job.aggregator, job)
    proposers = [_model(name, job) for name in job.layers[0]]

    async def ask(conversation: Conversation) -> AsyncIterator[str]:
        workflow = MixtureOfAgentWorkflow(aggregator, proposers, num_layers=len(job.layers), timeout=_TIMEOUT)
        yield str(await workflow.run(query_str=as_query(conversation)))

    yield ask


def _model(name: str, job: Job) -> OpenAILike:
    return OpenAILike(model=name, api_base=address(job), api_key="benchmark", is_chat_model=True)
