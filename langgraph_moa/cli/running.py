"""One run of a mixture, told to a watcher while it happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol, cast

from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph

from langgraph_moa.errors import MoAError
from langgraph_moa.events import ProgressEvent
from langgraph_moa.mixture import Mixture
from langgraph_moa.proposal import Proposal, visible_text
from langgraph_moa.summary import MoASummary

Graph = CompiledStateGraph[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run gave."""

    text: str
    """Visible text of the final message."""
    proposals: list[Proposal]
    """Layer by layer, in configured order."""
    summary: MoASummary


class Watcher(Protocol):
    """Shows a run. `close` is called whatever happens; the others in this order."""

    def begin(self, mixture: Mixture) -> None:
        """Note that the calls are about to be made."""

    def progress(self, event: ProgressEvent) -> None:
        """Note what a call does."""

    def token(self, text: str, *, restarted: bool) -> None:
        """Take a piece of the answer; `restarted`: the first piece of another model's, after one has failed midway."""

    def finish(self, answer: Answer) -> None:
        """Take the whole answer, before a chat saves it."""

    def close(self) -> None:
        """Let go of the terminal."""


async def run_mixture(
    graph: Graph,
    mixture: Mixture,
    messages: Sequence[AnyMessage],
    watcher: Watcher,
    *,
    config: RunnableConfig | None = None,
    embedded: bool = False,
) -> Answer:
    """Run a mixture's graph, or a parent graph with the mixture as its only node.

    Args:
        graph: Compiled.
        mixture: What it runs.
        messages: What is added to the conversation.
        watcher: Is told what happens, and closed in the end.
        config: Of the run; names the thread of a parent with a checkpointer.
        embedded: Whether the mixture is a node of `graph`. What it writes is then saved once, at the end of the run.

    Raises:
        MoAError: The run failed.
        OSError: The answer could not be shown; what was to be saved is.
    """
    watcher.begin(mixture)
    follower = _Follower(watcher, depth=int(embedded))
    options = {"durability": "exit"} if embedded else {}
    try:
        async with aclosing(_parts(graph, messages, config, options)) as parts:
            async for part in parts:
                follower.take(part)
    finally:
        watcher.close()
    if follower.unshown is not None:
        raise follower.unshown
    if follower.answer is None:
        msg = "the run ended without an answer"
        raise MoAError(msg)
    return follower.answer


class _Follower:
    """Tells a watcher what a stream's parts mean.

    Args:
        watcher: Is told.
        depth: How deep in the streamed graph the mixture is: 0 is the graph itself.
    """

    def __init__(self, watcher: Watcher, *, depth: int) -> None:
        self.answer: Answer | None = None
        self.unshown: OSError | None = None
        self._watcher = watcher
        self._depth = depth
        self._speaker: tuple[object, object] | None = None

    def take(self, part: Mapping[str, Any]) -> None:
        """Tell what one part of the stream means, if it means anything."""
        data = part["data"]
        if part["type"] == "messages":
            self._speak(*data)
        elif len(part["ns"]) != self._depth:
            return
        elif part["type"] == "custom" and data.get("type") == "moa":
            self._watcher.progress(cast("ProgressEvent", data))
        elif part["type"] == "values" and isinstance(data["messages"][-1], AIMessage):
            self._end(data)

    def _speak(self, message: AnyMessage, metadata: Mapping[str, Any]) -> None:
        """Pass a piece of the answer on. Only the aggregator's get here: proposers are asked without streaming."""
        if not isinstance(message, AIMessageChunk) or not message.text:
            return
        speaker = (metadata.get("ls_provider"), metadata.get("ls_model_name"))
        self._watcher.token(str(message.text), restarted=self._speaker not in {None, speaker})
        self._speaker = speaker

    def _end(self, state: Mapping[str, Any]) -> None:
        """Show the answer; an output that is closed or full must not keep a chat from saving it."""
        message = state["messages"][-1]
        self.answer = Answer(visible_text(message), state.get("proposals", []), message.response_metadata["moa"])
        try:
            self._watcher.finish(self.answer)
        except OSError as error:
            self.unshown = error


def _parts(
    graph: Graph, messages: Sequence[AnyMessage], config: RunnableConfig | None, options: dict[str, Any]
) -> AsyncGenerator[Any]:
    parts = graph.astream(
        {"messages": list(messages)},
        config,
        stream_mode=["custom", "messages", "values"],
        subgraphs=True,
        version="v2",
        **options,
    )
    return cast("AsyncGenerator[Any]", parts)
