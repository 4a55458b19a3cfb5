"""`/v1/chat/completions`: reads a request, asks the mixture, and answers whole or in events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from langchain_core.messages import AIMessage
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from langgraph_moa.serving.asking import Asked
from langgraph_moa.serving.guard import refused
from langgraph_moa.serving.office import Office, about, runs_of, told_failure
from langgraph_moa.serving.replies import completion
from langgraph_moa.serving.requests import ChatRequest, read_json, read_request
from langgraph_moa.serving.streamed import StreamedAnswer
from langgraph_moa.serving.streams import EventStream, unless_gone, with_pulse

_UNKNOWN_MODEL = "unknown"
_GONE = 499
"""What servers log of a client that went away; nobody reads it."""


class ChatCompletions:
    """Answers requests.

    Args:
        office: Of the server process.
    """

    def __init__(self, office: Office) -> None:
        self._office = office

    async def answer(self, request: Request) -> Response:
        """Answer one request, also where it fails."""
        began, model = time.monotonic(), _UNKNOWN_MODEL
        with ExitStack() as inside:
            try:
                inside.enter_context(self._office.doors.let_in(request.client.host if request.client else ""))
                inside.enter_context(self._office.metrics.in_flight.track_inprogress())
                wanted = read_request(read_json(await request.body()))
                asked = self._asked(wanted)
                model = wanted.model
                if wanted.streams:
                    return self._streamed(asked, wanted, inside.pop_all())
                response = await self._whole(asked, wanted, request)
            except Exception as error:  # noqa: BLE001 - whatever fails, the client is told, and the server goes on
                response = refused(told_failure(error))
        status = "disconnected" if response.status_code == _GONE else str(response.status_code)
        self._office.metrics.request(model, status, time.monotonic() - began)
        return response

    def _asked(self, wanted: ChatRequest) -> Asked:
        model = self._office.catalogue.model(wanted.model, temperature=wanted.temperature, max_tokens=wanted.max_tokens)
        return Asked(model, replace(wanted, messages=self._office.turns.recall(wanted.model, wanted.messages)))

    def _streamed(self, asked: Asked, wanted: ChatRequest, inside: ExitStack) -> Response:
        settings = self._office.settings
        streamed = StreamedAnswer(self._office, asked, wanted, inside)
        lines = with_pulse(streamed.lines(), settings.pulse)
        return EventStream(lines, patience=settings.patience, ended=streamed.end)

    async def _whole(self, asked: Asked, wanted: ChatRequest, request: Request) -> Response:
        answers = await unless_gone(request.receive, asyncio.ensure_future(self._answers(asked)))
        if answers is None:
            return Response(status_code=_GONE)
        self._office.note(wanted, answers)
        return JSONResponse(completion(about(wanted.model), answers, runs_of(answers)))

    async def _answers(self, asked: Asked) -> Sequence[AIMessage]:
        async with self._office.doors.place():
            return await asked.answers()
