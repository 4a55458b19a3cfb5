"""An answer in events: its pieces, what happens meanwhile as comments, and a failure as the last event."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import ExitStack, aclosing
from typing import Any

from langchain_core.messages import AIMessage

from langgraph_moa.events import ProgressEvent
from langgraph_moa.serving.asking import Asked, Delta, Ended, Told
from langgraph_moa.serving.office import Office, about, runs_of, told_failure
from langgraph_moa.serving.replies import chunk, closing, reason_of, told
from langgraph_moa.serving.requests import ChatRequest
from langgraph_moa.serving.streams import LAST, End, comment, event


class StreamedAnswer:
    """Of one request.

    Args:
        office: Of the server process.
        asked: The mixture, and what it is asked.
        wanted: The request.
        inside: Is closed when the stream has ended.
    """

    def __init__(self, office: Office, asked: Asked, wanted: ChatRequest, inside: ExitStack) -> None:
        self._office = office
        self._asked = asked
        self._wanted = wanted
        self._inside = inside
        self._began = time.monotonic()
        self._about = about(wanted.model)
        self._answers: dict[int, AIMessage] = {}
        self._failed = False

    async def lines(self) -> AsyncGenerator[bytes]:
        """Yield the events: the first of them at once, long before a model has answered."""
        for choice in range(self._wanted.choices):
            yield event(self._chunk(choice, {"role": "assistant", "content": ""}))
        try:
            async with self._office.doors.place(), aclosing(self._asked.told()) as happened:
                async for one in happened:
                    for line in self._lines_of(one):
                        yield line
        except Exception as error:  # noqa: BLE001 - whatever fails, the client is told, and the server goes on
            self._failed = True
            yield event(told_failure(error).to_dict())
            return
        if self._wanted.includes_usage:
            answers = [self._answers[choice] for choice in range(self._wanted.choices)]
            yield event(closing(self._about, answers, runs_of(answers)))
        yield LAST

    def end(self, end: End) -> None:
        """Note how the stream has ended."""
        status = end if end != "sent" else "failed" if self._failed else "200"
        self._office.metrics.request(self._wanted.model, status, time.monotonic() - self._began)
        self._inside.close()

    def _lines_of(self, one: Told) -> Iterator[bytes]:
        if isinstance(one, Delta):
            yield event(self._chunk(one.choice, one.content))
        elif isinstance(one, Ended):
            self._answers[one.choice] = one.answer
            self._office.note(self._wanted, [one.answer])
            last = self._chunk(one.choice, {}, reason_of(one.answer))
            yield event({**last, "moa": told(runs_of([one.answer]))})
        else:
            yield comment(_in_words(one))

    def _chunk(self, choice: int, delta: Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
        unfinished = {"usage": None} if self._wanted.includes_usage else {}
        return {**chunk(self._about, choice, delta, reason), **unfinished}


def _in_words(happened: ProgressEvent) -> str:
    layer = f"layer_{happened['layer']}_" if happened["layer"] is not None else ""
    return f"{layer}{happened['slot']} {happened['event']}"
