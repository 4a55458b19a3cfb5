"""distilabel's `MixtureOfAgentsLLM` of `OpenAILLM`s."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from distilabel.models.llms import MixtureOfAgentsLLM, OpenAILLM

from benchmarks.peers.threads import threads
from benchmarks.protocol import Ask, Conversation, Job

NAME = "distilabel"
VERSIONS = ["distilabel", "openai"]
SHAPE_NOTE = "the proposers of the first layer in every layer"


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Ask]:
    """Make a mixture for each that is under way, as one cannot be asked twice at a time: it has an event loop of its own."""
    idle: list[MixtureOfAgentsLLM] = []

    with threads(job) as in_thread:

        async def ask(conversation: Conversation) -> AsyncIterator[str]:
            yield await in_thread(lambda: _answer(idle, job, conversation))

        yield ask


def _answer(idle: list[MixtureOfAgentsLLM], job: Job, conversation: Conversation) -> str:
    mixture = idle.pop() if idle else _mixture(job)
    (output,) = mixture.generate_outputs(inputs=[[dict(message) for message in conversation]])
    idle.append(mixture)
    text = output["generations"][0]
    if text is None:
        raise ValueError("no text was generated")
    return text


def _mixture(job: Job) -> MixtureOfAgentsLLM:
    mixture = MixtureOfAgentsLLM(
        aggregator_llm=_model(job.aggregator, job),
        proposers_llms=[_model(name, job) for name in job.layers[0]],
        rounds=len(job.layers),
    )
    mixture.load()
    return mixture


def _model(name: str, job: Job) -> OpenAILLM:
    return OpenAILLM(model=name, base_url=job.url, api_key="benchmark")
