"""What answers of one server process share: the mixtures, the doors, and who is told."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage

from langgraph_moa import failures
from langgraph_moa.serving.catalogue import Catalogue
from langgraph_moa.serving.doors import Doors
from langgraph_moa.serving.failures import RequestFailure, failure_of
from langgraph_moa.serving.metrics import Metrics
from langgraph_moa.serving.open_turns import OpenTurns
from langgraph_moa.serving.requests import ChatRequest
from langgraph_moa.serving.settings import Settings

logger = logging.getLogger(__name__)


class Office:
    """Of one server process.

    Args:
        catalogue: The mixtures.
        settings: Of the server.
    """

    def __init__(self, catalogue: Catalogue, settings: Settings) -> None:
        self.catalogue = catalogue
        self.settings = settings
        self.metrics = Metrics()
        self.turns = OpenTurns()
        self.doors = Doors(settings.most_at_once, settings.most_waiting, settings.requests_per_minute)

    def note(self, wanted: ChatRequest, answers: Sequence[AIMessage]) -> None:
        """Count what answers took, and remember the turns that go on."""
        self.metrics.answers(wanted.model, answers)
        self.turns.remember(wanted.model, wanted.messages, answers)


def about(model: str) -> dict[str, Any]:
    """Return what every part of one answer says of itself."""
    return {"id": f"chatcmpl-{uuid4().hex}", "created": int(time.time()), "model": model}


def runs_of(answers: Sequence[AIMessage]) -> list[Mapping[str, Any]]:
    """Return the summary of the run behind each answer."""
    return [answer.response_metadata.get("moa", {}) for answer in answers]


def told_failure(error: BaseException) -> RequestFailure:
    """Return what a client is told of an exception, and log what is the server's fault."""
    failure = failure_of(error)
    if failure.status >= 500:  # noqa: PLR2004 - where HTTP's errors of servers begin
        found = failures.failure_of(error)
        logger.error("a request failed: %s: %s", found["kind"], found["message"])
    return failure
