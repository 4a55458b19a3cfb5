"""The end of a mixture."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig

from langgraph_moa.events import EventKind, progress
from langgraph_moa.mixture import Aggregator
from langgraph_moa.nodes.base import Node, Update, model_config
from langgraph_moa.nodes.merging import Merged, Merger
from langgraph_moa.nodes.run import Run
from langgraph_moa.proposal import Place
from langgraph_moa.state import MoAState, all_proposals
from langgraph_moa.summary import summarize
from langgraph_moa.usage import packaged_prices

AGGREGATOR = "aggregator"


class AggregatorNode(Node):
    """Writes the answer, and with it every proposal of the run."""

    def __init__(self, run: Run, aggregator: Aggregator) -> None:
        super().__init__(run)
        self._depth = run.mixture.depth
        self._merger = Merger(run, aggregator, Place(self._depth, 0, AGGREGATOR), node=AGGREGATOR)

    async def _update(self, state: MoAState, config: RunnableConfig) -> Update:
        finished = all_proposals(state["layers"])
        self._tell("aggregating")
        clock = FirstToken(lambda: self._tell("first_token"))
        named = model_config(config, AGGREGATOR, layer=None, role="aggregator")
        references = self._run.references(state, self._depth)
        merged = await self._merger.merge(state["messages"], references, named, finished, listening=[clock])
        self._tell("done")
        return {"messages": [self._signed(merged, state, clock.seconds)], "proposals": finished}

    def _tell(self, event: EventKind) -> None:
        self._run.tell(progress(event, self._run.mixture.name, None, AGGREGATOR, self._merger.label))

    def _signed(self, merged: Merged, state: MoAState, first_token: float | None) -> AIMessage:
        """Return the answer with the summary of the run that made it."""
        message = merged.message
        summary = summarize(
            self._run.mixture.name,
            state["layers"],
            merged.proposal,
            prices=packaged_prices(),
            first_token=first_token,
            substitute=merged.substitute,
        )
        metadata = {**message.response_metadata, "moa": summary}
        return message.model_copy(update={"response_metadata": metadata, "id": _own_id(message, state)})


def _own_id(message: AIMessage, state: MoAState) -> str | None:
    """Return the answer's id, or a fresh one where an earlier message has it: the answer would take its place."""
    taken = any(earlier.id == message.id for earlier in state["messages"])
    return str(uuid4()) if taken else message.id


class FirstToken(AsyncCallbackHandler):
    """Notes when the first token of a streamed answer came.

    Args:
        tell: Called once, at that moment.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self.seconds: float | None = None
        self._started = time.monotonic()
        self._tell = tell

    async def on_llm_new_token(self, token: str | list[str | dict[str, Any]], **_: Any) -> None:  # noqa: ANN401
        """Note the first token that holds something."""
        if self.seconds is None and token:
            self.seconds = time.monotonic() - self._started
            self._tell()
