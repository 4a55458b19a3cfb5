"""The run of a chat model that is a mixture: what is called below it, and who counts its tokens."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import uuid4

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    BaseCallbackHandler,
    BaseCallbackManager,
    CallbackManager,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, LLMResult
from langchain_core.runnables import RunnableConfig, ensure_config

Manager = TypeVar("Manager", CallbackManager, AsyncCallbackManager)
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


def run_of_stream(
    model: BaseChatModel, kind: type[Manager], config: RunnableConfig | None
) -> tuple[RunnableConfig, Manager]:
    """Return a config that says which run a stream will have, and the callbacks for what is called below it.

    LangChain does not tell `_stream` its run.

    Args:
        model: That is streamed.
        kind: Of the callbacks: for a synchronous stream, or an asynchronous one.
        config: Of the caller.
    """
    given = ensure_config(config)
    run_id = given.get("run_id") or uuid4()
    manager: Manager = kind.configure(
        given.get("callbacks"),
        model.callbacks,
        model.verbose,
        given.get("tags"),
        model.tags,
        given.get("metadata"),
        model.metadata,
    )
    callbacks = kind(handlers=[], parent_run_id=run_id)
    callbacks.set_handlers(manager.inheritable_handlers)
    callbacks.add_tags(manager.inheritable_tags)
    callbacks.add_metadata(manager.inheritable_metadata)
    manager.handlers = [UsageOnce(), *manager.handlers]
    return {**given, "callbacks": manager, "run_id": run_id}, callbacks


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
