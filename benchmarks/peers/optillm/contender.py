"""optillm's `moa` approach, as a library function."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from openai import OpenAI
from optillm.moa import mixture_of_agents

from benchmarks.peers.jobs import address, as_query
from benchmarks.peers.threads import threads
from benchmarks.protocol import Ask, Conversation, Job

NAME = "optillm moa"
VERSIONS = ["optillm", "openai"]


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Ask]:
    """Make one client."""
    with OpenAI(base_url=address(job), api_key="benchmark") as client, threads(job) as in_thread:

        async def ask(conversation: Conversation) -> AsyncIterator[str]:
            yield await in_thread(lambda: _answer(client, job.aggregator, conversation))

        yield ask


def _answer(client: OpenAI, model: str, conversation: Conversation) -> str:
    text, _ = mixture_of_agents("You are a helpful assistant.", as_query(conversation), client, model)
    return str(text)
