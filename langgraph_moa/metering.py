"""Counts the tokens of every model call below a request, as the calls end."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from langgraph_moa.proposal import Usage, reported_usage, sum_usage


class UsageMeter(BaseCallbackHandler):
    """Adds up what providers report for the calls below one request: also of an agent that failed in the end."""

    run_inline = True
    """Counting takes no thread of its own."""

    def __init__(self) -> None:
        self._reported: list[Usage] = []

    @property
    def usage(self) -> Usage | None:
        """Tokens so far; `None` when no call has reported any."""
        return sum_usage(self._reported)

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:  # noqa: ANN401
        """Count the tokens of one call."""
        first = next((choice for choices in response.generations for choice in choices), None)
        message = first.message if isinstance(first, ChatGeneration) else None
        usage = reported_usage(message) if isinstance(message, AIMessage) else None
        if usage is not None:
            self._reported.append(usage)
