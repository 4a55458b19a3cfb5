"""Callback handlers that want tokens: which they are, and how to keep tokens from them.

A chat model streams whenever a handler on its run wants tokens. LangChain tells such a handler by its two methods
`tap_output_*`. LangGraph's own handlers feed the `messages` stream, also with whole messages that nodes write.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, BaseCallbackManager, LLMManagerMixin
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers import BaseTracer

_TOKENS = ("on_llm_new_token", "on_stream_event")
_OWN = ("_listener", "__class__", "__dict__")


def wants_tokens(handler: BaseCallbackHandler) -> bool:
    """Say whether a chat model streams for this handler."""
    return hasattr(handler, "tap_output_aiter")


def hears_tokens(handler: BaseCallbackHandler) -> bool:
    """Say whether a handler does something with tokens, whoever makes the model stream.

    A tracer that wants none does not: it notes of every model when its first token came.
    """
    own = getattr(type(handler), "on_llm_new_token", None)
    inherited = (LLMManagerMixin.on_llm_new_token, AsyncCallbackHandler.on_llm_new_token)
    return wants_tokens(handler) or (own not in inherited and not isinstance(handler, BaseTracer))


seconds_to_first_token: ContextVar[float | None] = ContextVar("langgraph_moa_seconds_to_first_token", default=None)
"""What a replayed answer took to its first token when it was recorded; `None`: the answer is a new one."""


class TokenListener(AsyncCallbackHandler):
    """A handler that makes chat models stream; what it does with the tokens is for subclasses."""

    def tap_output_aiter(self, run_id: UUID, output: AsyncIterator[Any]) -> AsyncIterator[Any]:  # noqa: ARG002
        """Let the output of a chain through."""
        return output

    def tap_output_iter(self, run_id: UUID, output: Iterator[Any]) -> Iterator[Any]:  # noqa: ARG002
        """Let the output of a chain through."""
        return output


def shows_something(chunk: ChatGenerationChunk) -> bool:
    """Say whether a chunk holds something of an answer: many streams begin with one that only names the role."""
    return bool(chunk.message.content or getattr(chunk.message, "tool_call_chunks", None))


class FirstToken(AsyncCallbackHandler):
    """Notes when the first token of a streamed answer came; it makes nobody stream.

    A token that comes after its call was cancelled cancels it again: `asyncio.wait_for` of Python 3.11, with which
    clients read their streams, can swallow a cancellation.

    Args:
        tell: Awaited once, at that moment.
    """

    run_inline = True
    """In the task of the call, which can so be cancelled again."""

    def __init__(self, tell: Callable[[], Awaitable[None]]) -> None:
        self.seconds: float | None = None
        """Since this was made; `None` as long as there was no token."""
        self._started = time.monotonic()
        self._tell = tell

    @property
    def has_come(self) -> bool:
        """Whether somebody has seen the beginning of the answer."""
        return self.seconds is not None

    async def on_llm_new_token(
        self,
        token: str | list[str | dict[str, Any]],
        *,
        chunk: Any = None,  # noqa: ANN401 - LangChain gives a `ChatGenerationChunk`
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Note the first token that holds something: text, or a part of a tool call."""
        _refuse_when_cancelled()
        if token or (isinstance(chunk, ChatGenerationChunk) and shows_something(chunk)):
            await self._note()

    async def on_stream_event(self, event: Any, **_: Any) -> None:  # noqa: ANN401 - LangChain's protocol events
        """Note the first part of a content block, as LangChain's newer streams give it."""
        _refuse_when_cancelled()
        if isinstance(event, dict) and event.get("event") == "content-block-delta":
            await self._note()

    async def _note(self) -> None:
        if self.seconds is None:
            recorded = seconds_to_first_token.get()
            self.seconds = time.monotonic() - self._started if recorded is None else recorded
            await self._tell()


def _refuse_when_cancelled() -> None:
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class Relay(TokenListener):
    """Hands every chunk of a streamed answer on.

    Args:
        give: Called with each chunk, in the order in which they come.
    """

    def __init__(self, give: Callable[[ChatGenerationChunk], None]) -> None:
        self._give = give

    async def on_llm_new_token(
        self,
        token: str | list[str | dict[str, Any]],  # noqa: ARG002 - the chunk holds it
        *,
        chunk: Any = None,  # noqa: ANN401 - LangChain gives a `ChatGenerationChunk`
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Hand a chunk on."""
        if isinstance(chunk, ChatGenerationChunk):
            self._give(chunk)


class Silenced(BaseCallbackHandler):
    """A handler that hears everything that another one wants to hear, but no tokens, and makes nobody stream.

    Args:
        listener: The other one.
    """

    def __init__(self, listener: BaseCallbackHandler) -> None:
        self._listener = listener

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - whatever the listener has under that name
        """Look everything up at the listener, but for tokens."""
        if name in _OWN:
            return object.__getattribute__(self, name)
        if name.startswith("tap_output_"):
            raise AttributeError(name)
        return _ignore if name in _TOKENS else getattr(object.__getattribute__(self, "_listener"), name)


def without_tokens(config: RunnableConfig) -> RunnableConfig:
    """Return a config under which no token is told to anyone, and no message reaches LangGraph's `messages` stream.

    Args:
        config: Its callbacks may be missing, a list or a manager; they are not changed.
    """
    callbacks = config.get("callbacks")
    if isinstance(callbacks, BaseCallbackManager):
        manager = callbacks.copy()
        manager.handlers = quiet(manager.handlers)
        manager.inheritable_handlers = quiet(manager.inheritable_handlers)
        return {**config, "callbacks": manager}
    return {**config, "callbacks": quiet(callbacks or [])}


def with_tokens(config: RunnableConfig, listeners: Sequence[BaseCallbackHandler]) -> RunnableConfig:
    """Return a config under which these handlers hear tokens again.

    Args:
        config: What `without_tokens` has made.
        listeners: Handlers that it has silenced, or left out.
    """
    callbacks = config.get("callbacks")
    if not isinstance(callbacks, BaseCallbackManager):
        return {**config, "callbacks": _audible(callbacks or [], listeners)}
    manager = callbacks.copy()
    manager.handlers = _audible(manager.handlers, listeners)
    manager.inheritable_handlers = _audible(manager.inheritable_handlers, listeners)
    return {**config, "callbacks": manager}


def _audible(
    handlers: Sequence[BaseCallbackHandler], listeners: Sequence[BaseCallbackHandler]
) -> list[BaseCallbackHandler]:
    """Return handlers with these listeners no longer silenced, and those among them that were left out."""
    heard = [_unless_silenced(handler, listeners) for handler in handlers]
    return [*heard, *(listener for listener in listeners if listener not in heard)]


def _unless_silenced(handler: BaseCallbackHandler, listeners: Sequence[BaseCallbackHandler]) -> BaseCallbackHandler:
    if type(handler) is not Silenced:
        return handler
    listener: BaseCallbackHandler = object.__getattribute__(handler, "_listener")
    return listener if listener in listeners else handler


def quiet(handlers: Sequence[BaseCallbackHandler]) -> list[BaseCallbackHandler]:
    """Return handlers with those that hear tokens silenced, and without those of LangGraph's streams."""
    return [
        Silenced(handler) if hears_tokens(handler) else handler
        for handler in handlers
        if not type(handler).__module__.startswith("langgraph.")
    ]


def _ignore(*_: Any, **__: Any) -> None:  # noqa: ANN401
    """Hear nothing."""
