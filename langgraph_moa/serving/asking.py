"""Asks a mixture what a client wants to know, and tells of it while it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.messages.ai import add_ai_message_chunks

from langgraph_moa.chat_model import ChatMoA
from langgraph_moa.events import CALLBACK_EVENT, ProgressEvent
from langgraph_moa.handing import handing
from langgraph_moa.proposal import visible_text
from langgraph_moa.schemas import AnswerSchema
from langgraph_moa.serving.replies import delta_of
from langgraph_moa.serving.requests import ChatRequest
from langgraph_moa.visible import VisibleStream
from langgraph_moa.waiting import end_all


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer."""

    choice: int
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """An answer, whole."""

    choice: int
    answer: AIMessage


Told = Delta | Ended | ProgressEvent


class Asked:
    """A mixture, and what a client asks it.

    Args:
        model: The mixture.
        request: The client's.
    """

    def __init__(self, model: ChatMoA, request: ChatRequest) -> None:
        self._model = model
        self._request = request
        schema = None if request.schema is None else AnswerSchema.of(request.schema)
        self._arguments = request.arguments if schema is None else handing(request.arguments, schema=schema)

    async def answers(self) -> Sequence[AIMessage]:
        """Return the answer to each choice; where one fails, the others are cancelled.

        Raises:
            MoAError: A run failed.
        """
        calls = [asyncio.ensure_future(self._answer()) for _ in range(self._request.choices)]
        try:
            return await asyncio.gather(*calls)
        finally:
            await end_all(calls)

    async def told(self) -> AsyncGenerator[Told]:
        """Yield what happens in the runs of all choices, as it happens; when nobody reads on, every call is cancelled.

        Raises:
            MoAError: A run failed.
        """
        happened: asyncio.Queue[Told | asyncio.Future[None]] = asyncio.Queue()
        runs = [
            asyncio.ensure_future(self._run(choice, happened.put_nowait)) for choice in range(self._request.choices)
        ]
        for run in runs:
            run.add_done_callback(happened.put_nowait)
        try:
            left = len(runs)
            while left:
                found = await happened.get()
                if isinstance(found, asyncio.Future):
                    found.result()
                    left -= 1
                else:
                    yield found
        finally:
            await end_all(runs)

    async def _answer(self) -> AIMessage:
        return await self._model.ainvoke(self._request.messages, stop=self._request.stop, **self._arguments)

    async def _run(self, choice: int, tell: Callable[[Told], None]) -> None:
        visible, pieces = VisibleStream(), list[AIMessageChunk]()
        stream: Any = self._model.astream(
            self._request.messages, {"callbacks": [_Progress(tell)]}, stop=self._request.stop, **self._arguments
        )
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                pieces.append(chunk)
                content = delta_of(chunk, visible.feed(str(chunk.text)))
                if content:
                    tell(Delta(choice, content))
        answer = _whole(pieces)
        rest = visible.rest(visible_text(answer))
        if rest:
            tell(Delta(choice, {"content": rest}))
        tell(Ended(choice, answer))


class _Progress(AsyncCallbackHandler):
    """Tells what each call of a run does."""

    def __init__(self, tell: Callable[[Told], None]) -> None:
        self._tell = tell

    async def on_custom_event(self, name: str, data: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Pass a mixture's event on."""
        if name == CALLBACK_EVENT:
            self._tell(data)


def _whole(pieces: Sequence[AIMessageChunk]) -> AIMessage:
    first, *others = pieces
    answer = message_chunk_to_message(add_ai_message_chunks(first, *others))
    if not isinstance(answer, AIMessage):
        msg = f"a mixture's stream must give an AIMessage, got {type(answer).__name__}"
        raise TypeError(msg)
    return answer
