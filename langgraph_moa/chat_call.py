"""One call of a mixture as a chat model: the graph is run below the chat model's own run, and its answer handed back.

LangGraph merges callbacks into those that are in force where a graph is called, and keeps the parent run of the latter.
So that the graph is a child of the chat model's run, it is run in a context where the chat model's callbacks are.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Any

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import RunnableConfig, ensure_config
from langchain_core.runnables.config import set_config_context

from langgraph_moa import background
from langgraph_moa.answering import AnswerOptions, answering
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.listeners import quiet, shows_something
from langgraph_moa.mixture import Mixture

_END = object()


@dataclass(frozen=True)
class ChatCall:
    """What is asked, of which graph."""

    graph: MoAGraph
    mixture: Mixture
    messages: Sequence[BaseMessage]
    options: AnswerOptions
    callbacks: BaseCallbackManager | None
    """Of the chat model's run, for what is called below it; `None`: those in force."""
    configurable: Mapping[str, Any] = field(default_factory=dict)
    """Of the caller's config."""
    max_concurrency: int | None = None

    def invoke(self) -> AIMessage:
        """Return the answer, for a synchronous caller."""
        with self._context() as context:
            return context.run(self._run, None)

    async def ainvoke(self) -> AIMessage:
        """Return the answer."""
        with self._context() as context:
            return await asyncio.create_task(self._arun(None), context=context)

    def stream(self) -> Iterator[ChatGenerationChunk]:
        """Yield the answer as it comes, for a synchronous caller; when nobody reads on, every call is cancelled."""
        arrived: SimpleQueue[Any] = SimpleQueue()
        with self._context() as context, ThreadPoolExecutor(1, thread_name_prefix="langgraph-moa-answer") as thread:
            calls = context.run(background.calls_of_one_run)
            running = thread.submit(context.run, self._run, arrived.put)
            running.add_done_callback(lambda _: arrived.put(_END))
            try:
                relayed = False
                while (chunk := arrived.get()) is not _END:
                    relayed = relayed or shows_something(chunk)
                    yield _passed_on(chunk)
                yield _closing(running.result(), relayed=relayed)
            finally:
                calls.cancel()

    async def astream(self) -> AsyncGenerator[ChatGenerationChunk]:
        """Yield the answer as it comes; when nobody reads on, every call is cancelled."""
        arrived: asyncio.Queue[Any] = asyncio.Queue()
        with self._context() as context:
            running = asyncio.create_task(self._arun(arrived.put_nowait), context=context)
            running.add_done_callback(lambda _: arrived.put_nowait(_END))
            try:
                relayed = False
                while (chunk := await arrived.get()) is not _END:
                    relayed = relayed or shows_something(chunk)
                    yield _passed_on(chunk)
                yield _closing(running.result(), relayed=relayed)
            finally:
                running.cancel()
                await asyncio.wait([running])

    def _run(self, relay: Callable[[ChatGenerationChunk], None] | None) -> AIMessage:
        with answering(self.mixture, replace(self.options, relay=relay)):
            return _answer(self.graph.invoke({"messages": _own(self.messages)}, self._config()))

    async def _arun(self, relay: Callable[[ChatGenerationChunk], None] | None) -> AIMessage:
        with answering(self.mixture, replace(self.options, relay=relay)):
            return _answer(await self.graph.ainvoke({"messages": _own(self.messages)}, self._config()))

    def _config(self) -> RunnableConfig:
        """Return the graph's own limit of steps, that of a parent not being for it, and its place in checkpoints.

        LangGraph numbers the calls of a node in the order in which they begin, which may be another one when the node
        is run again: so that no call is given the answer of another, what is asked is part of the place.
        """
        config = RunnableConfig(recursion_limit=2 * self.mixture.depth + 2, configurable=dict(self.configurable))
        if self.max_concurrency is not None:
            config["max_concurrency"] = self.max_concurrency
        around = ensure_config().get("configurable", {}).get("checkpoint_ns")
        if around:
            config["configurable"]["checkpoint_ns"] = f"{around}|{self._digest()}"
        return config

    def _digest(self) -> str:
        """Return what tells this request from others: a name that every checkpointer takes."""
        asked = [(message.type, message.content, getattr(message, "tool_calls", ())) for message in self.messages]
        schema = None if self.options.schema is None else self.options.schema.json_schema
        told = repr((asked, sorted(self.options.arguments.items()), schema, self.options.references))
        return f"chat_{hashlib.sha256(told.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"

    @contextmanager
    def _context(self) -> Iterator[Context]:
        """Give the context to run the graph in. No token is told below the chat model's run: it tells them itself."""
        given: RunnableConfig = {}
        if self.callbacks is not None:
            below = self.callbacks.copy()
            below.handlers, below.inheritable_handlers = quiet(below.handlers), quiet(below.inheritable_handlers)
            given = {"callbacks": below}
        with set_config_context(ensure_config(given)) as context:
            yield context


def _own(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return copies: LangGraph gives ids to messages without one, and keeps only the last of those with the same id."""
    taken: set[str | None] = set()
    copies = []
    for message in messages:
        copies.append(message.model_copy(update={"id": None} if message.id in taken else None))
        taken.add(message.id)
    return copies


def _answer(output: dict[str, Any]) -> AIMessage:
    answer: AIMessage = output["messages"][-1]
    return answer


def _passed_on(chunk: ChatGenerationChunk) -> ChatGenerationChunk:
    """Return a chunk of the aggregator's as one of the chat model's.

    What a message says of itself comes with the closing chunk, with the tokens of all calls; content, tool calls, their
    indexes and their ids are as they came.
    """
    update: dict[str, Any] = {"id": None, "response_metadata": {}, "usage_metadata": None, "chunk_position": None}
    return ChatGenerationChunk(message=chunk.message.model_copy(update=update))


def _closing(answer: AIMessage, *, relayed: bool) -> ChatGenerationChunk:
    """Return the last chunk: what the answer says of itself, and the whole answer where nothing came before it."""
    about = AIMessageChunk(
        content="" if isinstance(answer.content, str) else [],
        response_metadata=answer.response_metadata,
        usage_metadata=answer.usage_metadata,
        chunk_position="last",
    )
    if not relayed:
        extra = {name: value for name, value in answer.additional_kwargs.items() if name != "tool_calls"}
        calls = [*answer.tool_calls, *answer.invalid_tool_calls]
        about = about.model_copy(update={"content": answer.content, "additional_kwargs": extra})
        about.tool_call_chunks = [
            tool_call_chunk(
                name=call["name"],
                args=call["args"] if isinstance(call["args"], str) else json.dumps(call["args"]),
                id=call["id"],
                index=index,
            )
            for index, call in enumerate(calls)
        ]
        about.tool_calls, about.invalid_tool_calls = answer.tool_calls, answer.invalid_tool_calls
    return ChatGenerationChunk(message=about)
