"""A chat model that says what a test wants."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, PrivateAttr, SkipValidation

Reply = str | AIMessage | Exception | Callable[[list[BaseMessage]], "str | AIMessage"]
"""What one call gives: text, a message, an error to raise, or a function of the request."""


class ScriptedChatModel(BaseChatModel):
    """Answers from a script, and keeps every request.

    ```python
    model = ScriptedChatModel(replies=["first", TimeoutError("too slow"), "third and further"])
    ```
    """

    model_name: str = "scripted"
    replies: SkipValidation[Reply | Sequence[Reply]] = "ok"
    """One reply for all calls, or one for each call in turn; the last is given again and again."""
    delay: float = 0.0
    """Seconds before the answer."""
    usage: UsageMetadata | None = Field(default=None)
    """Reported with every answer that reports none of its own; `None`: not reported."""

    _requests: list[list[BaseMessage]] = PrivateAttr(default_factory=list)
    _options: list[dict[str, Any]] = PrivateAttr(default_factory=list)
    _cancelled: list[int] = PrivateAttr(default_factory=list)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    @property
    def requests(self) -> list[list[BaseMessage]]:
        """The messages of every call, in the order of the calls."""
        return self._requests

    @property
    def options(self) -> list[dict[str, Any]]:
        """The keyword arguments of every call, such as `temperature`."""
        return self._options

    @property
    def cancelled(self) -> int:
        """Calls that were cancelled while they waited."""
        return len(self._cancelled)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name}

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        """Take tools as other chat models do; they are kept in `options`, and called when a reply says so."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = self._next(messages, kwargs)
        time.sleep(self.delay)
        return ChatResult(generations=[ChatGeneration(message=self._message(reply, messages))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = self._next(messages, kwargs)
        await self._pause()
        return ChatResult(generations=[ChatGeneration(message=self._message(reply, messages))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        reply = self._next(messages, kwargs)
        time.sleep(self.delay)
        yield from _chunks(self._message(reply, messages))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        reply = self._next(messages, kwargs)
        await self._pause()
        for chunk in _chunks(self._message(reply, messages)):
            yield chunk

    async def _pause(self) -> None:
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self._cancelled.append(1)
            raise

    def _next(self, messages: list[BaseMessage], options: dict[str, Any]) -> Reply:
        with self._lock:
            turn = len(self._requests)
            self._requests.append(list(messages))
            self._options.append(options)
        if isinstance(self.replies, str | AIMessage | Exception) or callable(self.replies):
            return self.replies
        return self.replies[min(turn, len(self.replies) - 1)]

    def _message(self, reply: Reply, messages: list[BaseMessage]) -> AIMessage:
        said = reply(messages) if callable(reply) and not isinstance(reply, AIMessage) else reply
        if isinstance(said, Exception):
            raise said
        message = said.model_copy() if isinstance(said, AIMessage) else AIMessage(said)
        message.response_metadata = {
            "model_name": self.model_name,
            "finish_reason": "stop",
            **message.response_metadata,
        }
        message.usage_metadata = message.usage_metadata or self.usage
        return message


def _chunks(message: AIMessage) -> Iterator[ChatGenerationChunk]:
    """Cut a message into words; usage and metadata come with the last chunk."""
    text = message.content if isinstance(message.content, str) else None
    words = [""] if text is None else re.findall(r"\s*\S+\s*\Z|\s*\S+|\s+", text) or [""]
    for position, word in enumerate(words):
        is_last = position == len(words) - 1
        chunk = AIMessageChunk(
            content=word if text is not None else message.content,
            additional_kwargs=message.additional_kwargs if is_last else {},
            response_metadata=message.response_metadata if is_last else {},
            usage_metadata=message.usage_metadata if is_last else None,
            tool_calls=message.tool_calls if is_last else [],
            id=message.id,
        )
        yield ChatGenerationChunk(message=chunk)
