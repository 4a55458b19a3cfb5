"""distilabel's `MixtureOfAgentsLLM` of `OpenAILLM`s."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from distilabel.models.llms import MixtureOfAgentsLLM, OpenAILLM

from benchmarks.peers.jobs import address
from benchmarks.protocol import Ask, Conversation, Job

NAME = "distilabel"
VERSIONS = ["distilabel", "openai"]


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Ask]:
    """Make the mixture; `generate` would run what is awaited here in an event loop that does one thing at a time."""
    mixture = MixtureOfAgentsLLM(
        aggregator_llm=_model(job.aggregator, job),
        proposers_llms=[_model(name, job) for name in job.layers[0]],
        rounds=len(job.layers),
    )
    mixture.load()

    async def ask(conversation: Conversation) -> AsyncIterator[str]:
        (output,) = await mixture._agenerate(inputs=[conversation])  # noqa: SLF001 - there is no other to await
        yield str(output["generations"][0])

    yield ask


def _model(name: str, job: Job) -> OpenAILLM:
    return OpenAILLM(model=name, base_url=address(job), api_key="benchmark")
