"""Counts the tokens of every model call below a request, as the calls end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from langgraph_moa.proposal import CallRecord, Usage, is_from_cache, reported_usage, sum_usage


class UsageMeter(BaseCallbackHandler):
    """Adds up what providers report for the calls below one request: also of an agent that failed in the end."""

    run_inline = True
    """Counting takes no thread of its own."""

    def __init__(self) -> None:
        self._billed: list[Usage] = []
        self._from_cache: list[Usage | None] = []
        self._silent: set[UUID] = set()
        """Calls that have begun, and have not told their tokens."""

    def settle(self, record: CallRecord) -> None:
        """Note in the record of the request what its calls have told so far."""
        record["usage"] = sum_usage([*self._billed, *self._from_cache])
        record["unreported"] = len(self._silent)
        if self._from_cache:
            record["cached"] = not self._billed and not self._silent
            record["billed"] = sum_usage(self._billed)

    def on_chat_model_start(self, serialized: dict[str, Any], messages: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Note that a call has begun."""
        self._silent.add(run_id)

    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Note that a call of a model that completes text has begun."""
        self._silent.add(run_id)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:  # noqa: ANN401
        """Count the tokens of one call; those of a mixture are told by its own calls."""
        first = next((choice for choices in response.generations for choice in choices), None)
        message = first.message if isinstance(first, ChatGeneration) else None
        if not isinstance(message, AIMessage):
            return
        usage = reported_usage(message)
        if is_from_cache(message):
            self._from_cache.append(usage)
        elif usage is not None:
            self._billed.append(usage)
        elif "moa" not in message.response_metadata:
            return
        self._silent.discard(run_id)
