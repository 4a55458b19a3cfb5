"""swarms' `MixtureOfAgents`, called as its README does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from swarms import Agent, MixtureOfAgents

from benchmarks.peers.jobs import address, as_query
from benchmarks.peers.threads import threads
from benchmarks.protocol import Ask, Conversation, Job

NAME = "swarms"
VERSIONS = ["swarms", "litellm", "openai"]


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Ask]:
    """Make the agents, each with a name of its own."""
    mixture = MixtureOfAgents(
        agents=[_agent(f"slot_{number}", name, job) for number, name in enumerate(job.layers[0])],
        aggregator_agent=_agent("aggregator", job.aggregator, job),
        layers=len(job.layers),
    )
    with threads(job) as in_thread:

        async def ask(conversation: Conversation) -> AsyncIterator[str]:
            yield await in_thread(lambda: mixture.run(as_query(conversation)))

        yield ask


def _agent(name: str, model: str, job: Job) -> Agent:
    return Agent(
        agent_name=name,
        model_name=f"openai/{model}",
        llm_base_url=address(job),
        llm_api_key="benchmark",
        max_loops=1,
        print_on=False,
    )
