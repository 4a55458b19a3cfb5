"""What LangChain's chat models keep from `_generate` and `_stream`, handed on past them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import uuid4

from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackManager, CallbackManager
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import RunnableConfig, ensure_config

from langgraph_moa.chat_runs import UsageOnce
from langgraph_moa.redaction import redact_data
from langgraph_moa.schemas import AnswerSchema

Manager = TypeVar("Manager", CallbackManager, AsyncCallbackManager)
HANDED = "_moa_handed"
"""Name under which `Handed` stands among the arguments of a call."""


@dataclass(frozen=True, slots=True)
class Handed:
    """What the public methods of a chat model hand on to `_generate` and `_stream`, past LangChain, which does not."""

    config: RunnableConfig = field(default_factory=RunnableConfig)
    """Of the caller."""
    callbacks: BaseCallbackManager | None = None
    """For what is called below the run of a stream."""
    opened: AsyncExitStack | None = None
    """Closes the stream of `_astream`: LangChain leaves that to the garbage collector."""
    schema: AnswerSchema | None = None
    """Of the answer."""


def handing(kwargs: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return arguments of a call with more handed on under `HANDED`."""
    return {**kwargs, HANDED: replace(kwargs.get(HANDED) or Handed(), **more)}


def handed_on(kwargs: Mapping[str, Any]) -> Handed:
    """Return what was handed on among the arguments of a call."""
    return kwargs.get(HANDED) or Handed()


class HandingChatModel(BaseChatModel):
    """A chat model whose `_generate` and `_stream` know of the caller's config, and of the run of a stream."""

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        told = {name: redact_data(value, (), name=name) for name, value in kwargs.items() if name != HANDED}
        return super()._get_invocation_params(stop=stop, **told)

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Return the answer. See `BaseChatModel.invoke`."""
        return super().invoke(input, config, stop=stop, **handing(kwargs, config=ensure_config(config)))

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Return the answer. See `BaseChatModel.ainvoke`."""
        return await super().ainvoke(input, config, stop=stop, **handing(kwargs, config=ensure_config(config)))

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Stream the answer; closing the stream cancels every call. See `BaseChatModel.stream`."""
        own, callbacks = run_of_stream(self, CallbackManager, config)
        yield from super().stream(input, own, stop=stop, **handing(kwargs, config=own, callbacks=callbacks))

    async def astream(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Stream the answer; closing the stream cancels every call. See `BaseChatModel.astream`."""
        own, callbacks = run_of_stream(self, AsyncCallbackManager, config)
        async with AsyncExitStack() as opened:
            stream: Any = super().astream(
                input, own, stop=stop, **handing(kwargs, config=own, callbacks=callbacks, opened=opened)
            )
            async with aclosing(stream) as chunks:
                async for chunk in chunks:
                    yield chunk


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
