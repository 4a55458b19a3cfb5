"""A chat model that says what a test wants."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, PrivateAttr, SkipValidation

from langgraph_moa.testing.chunks import count_tokens, message_chunks

Reply = str | AIMessage | Exception | Callable[[list[BaseMessage]], "str | AIMessage"]
"""What one call gives: text, a message, an error to raise, or a function of the request."""


class ScriptedChatModel(BaseChatModel):
    """Answers from a script, and keeps every request.

    ```python
    model = ScriptedChatModel(replies=["first", TimeoutError("too slow"), "third and further"])
    ```

    A reply that is a message may hold tool calls and content blocks, such as thoughts; a stream gives them in chunks.
    """

    model_name: str = "scripted"
    replies: SkipValidation[Reply | Sequence[Reply]] = "ok"
    """One reply for all calls, or one for each call in turn; the last is given again and again."""
    failures: SkipValidation[Sequence[Exception | None]] = ()
    """Raised by the first calls, `None` for one that goes well; a call that fails uses up no reply."""
    fail_after: int = Field(default=0, ge=0)
    """Tokens that a stream gives before it raises a failure of `failures`."""
    delay: float = Field(default=0.0, ge=0)
    """Seconds before the answer."""
    tokens_per_second: float | None = Field(default=None, gt=0)
    """Pace of the answer, which takes as long whether it is streamed or not; `None`: all at once."""
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
        """Calls that were cancelled while they waited, and streams that were closed before their end."""
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
        call = self._call(messages, kwargs)
        time.sleep(self.delay)
        message = call.message(whole=True)
        time.sleep(self._writing_time(count_tokens(message)))
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._call(messages, kwargs)
        with self._noting_cancellation():
            await asyncio.sleep(self.delay)
            message = call.message(whole=True)
            await asyncio.sleep(self._writing_time(count_tokens(message)))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._call(messages, kwargs)
        with self._noting_cancellation():
            time.sleep(self.delay)
            for pause, chunk in self._paced(call):
                time.sleep(pause)
                yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._call(messages, kwargs)
        with self._noting_cancellation():
            await asyncio.sleep(self.delay)
            for pause, chunk in self._paced(call):
                await asyncio.sleep(pause)
                yield chunk

    def _writing_time(self, tokens: int) -> float:
        return tokens / self.tokens_per_second if self.tokens_per_second else 0.0

    @contextmanager
    def _noting_cancellation(self) -> Iterator[None]:
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            self._cancelled.append(1)
            raise

    def _paced(self, call: _Call) -> Iterator[tuple[float, ChatGenerationChunk]]:
        """Return the chunks of a call, each with the seconds to wait before it."""
        message = call.message(whole=False)
        chunks = list(message_chunks(message))
        pause = self._writing_time(count_tokens(message)) / len(chunks)
        for chunk in chunks[: self.fail_after] if call.failure else chunks:
            yield pause, chunk
        if call.failure:
            raise call.failure

    def _call(self, messages: list[BaseMessage], options: dict[str, Any]) -> _Call:
        """Keep a request, and return what its turn gives."""
        with self._lock:
            turn = len(self._requests)
            self._requests.append(list(messages))
            self._options.append(options)
        failure = self.failures[turn] if turn < len(self.failures) else None
        answered = turn - sum(earlier is not None for earlier in self.failures[:turn])
        if isinstance(self.replies, str | AIMessage | Exception) or callable(self.replies):
            reply = self.replies
        else:
            reply = self.replies[min(answered, len(self.replies) - 1)]
        return _Call(self, messages, reply, failure)


@dataclass(frozen=True)
class _Call:
    """What one call gives."""

    model: ScriptedChatModel
    messages: list[BaseMessage]
    reply: Reply
    failure: Exception | None

    def message(self, *, whole: bool) -> AIMessage:
        """Return the message, or raise what the script says; a failure is raised here only when nothing is streamed."""
        if self.failure and (whole or not self.model.fail_after):
            raise self.failure
        reply = self.reply
        said = reply(self.messages) if callable(reply) and not isinstance(reply, AIMessage) else reply
        if isinstance(said, Exception):
            raise said
        message = said.model_copy() if isinstance(said, AIMessage) else AIMessage(said)
        metadata = {
            "model_name": self.model.model_name,
            "finish_reason": "tool_calls" if message.tool_calls else "stop",
        }
        message.response_metadata = {**metadata, **message.response_metadata}
        message.usage_metadata = message.usage_metadata or self.model.usage
        return message
