"""The run of a chat model that is a mixture: what is called below it, and who counts its tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    BaseCallbackHandler,
    BaseCallbackManager,
    CallbackManager,
    CallbackManagerForLLMRun,
)
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, LLMResult

from langgraph_moa.listeners import FirstToken, Relay, hears_tokens

LLMRun = CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun


class UsageOnce(BaseCallbackHandler):
    """Keeps the tokens of a mixture's run from whoever counts those of its calls: they would be counted twice."""

    run_inline = True
    """It comes before the handlers that are to see its result."""

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:  # noqa: ANN401
        """Replace the message of the run by one that reports no tokens; what the caller is given is another object."""
        for choices in response.generations:
            for position, generation in enumerate(choices):
                if isinstance(generation, ChatGeneration | ChatGenerationChunk):
                    quiet = generation.message.model_copy(update={"usage_metadata": None})
                    choices[position] = ChatGeneration(message=quiet)


@asynccontextmanager
async def ended_when_cancelled(run: AsyncCallbackManagerForLLMRun | None) -> AsyncIterator[None]:
    """End a run whose call is cancelled in the block: LangChain leaves it open, and traces show it as running."""
    try:
        yield
    except asyncio.CancelledError as error:
        if run is not None:
            await run.on_llm_error(error)
        raise


def is_users_listener(handler: BaseCallbackHandler) -> bool:
    """Say whether a handler hears tokens for somebody outside: not for the mixture that this one sits in."""
    return hears_tokens(handler) and not isinstance(handler, Relay | FirstToken)


def below(run: LLMRun | None) -> BaseCallbackManager | None:
    """Return the callbacks for what is called below a run, and have the run itself report no tokens."""
    if run is None:
        return None
    kind = AsyncCallbackManager if isinstance(run, AsyncCallbackManagerForLLMRun) else CallbackManager
    callbacks = kind(handlers=[], parent_run_id=run.run_id)
    callbacks.set_handlers(run.inheritable_handlers)
    callbacks.add_tags(run.inheritable_tags)
    callbacks.add_metadata(run.inheritable_metadata)
    run.handlers = [UsageOnce(), *run.handlers]
    return callbacks


def message_id(run: LLMRun) -> str:
    """Return an id as LangChain makes them: that of the aggregator may have been given to another message before."""
    return f"lc_run--{run.run_id}"


def result(message: BaseMessage, run: LLMRun | None) -> ChatResult:
    """Return an answer as LangChain's `_generate` gives it."""
    named = message if run is None else message.model_copy(update={"id": message_id(run)})
    return ChatResult(generations=[ChatGeneration(message=named)])


def own_chunk(chunk: ChatGenerationChunk) -> AIMessageChunk:
    """Return the message of a chunk.

    Raises:
        TypeError: It is none that can be added to others.
    """
    message = chunk.message
    if not isinstance(message, AIMessageChunk):
        msg = f"a stream must give AIMessageChunk, got {type(message).__name__}"
        raise TypeError(msg)
    return message
