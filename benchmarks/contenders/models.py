"""The chat models that every contender of this environment asks, so that they differ in nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from benchmarks.protocol import Job


class InProcessModel(BaseChatModel):
    """A chat model that answers with its name, after a while."""

    model: str
    delay: float = 0.0

    @property
    def _llm_type(self) -> str:
        return "in-process"

    def _generate(self, messages: list[BaseMessage], *_: object, **__: object) -> ChatResult:
        raise NotImplementedError

    async def _agenerate(self, messages: list[BaseMessage], *_: object, **__: object) -> ChatResult:  # noqa: ARG002
        if self.delay:
            await asyncio.sleep(self.delay)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(f"I am {self.model}."))])


def chat_model(name: str, job: Job, http_client: Any = None, *, url: str | None = None) -> BaseChatModel:  # noqa: ANN401 - a class that the SDK exports as a value only
    """Return a model of a job, as a user would write it down.

    Args:
        name: Under which the provider knows it.
        job: Says where the provider is.
        http_client: `None`: the client that its package gives it.
        url: Another provider's.
    """
    if job.url is None:
        return InProcessModel(model=name, delay=job.delay)
    return ChatOpenAI(
        model=name, base_url=url or job.url, api_key=SecretStr("benchmark"), http_async_client=http_client
    )


def with_references(conversation: list[BaseMessage], references: list[str]) -> list[BaseMessage]:
    """Return a request as somebody writes it who needs no more than this."""
    if not references:
        return conversation
    numbered = "\n".join(f"{number}. {text}" for number, text in enumerate(references, start=1))
    last = conversation[-1]
    return [*conversation[:-1], HumanMessage(f"{last.text}\n\nCombine these answers into a better one:\n{numbered}")]
