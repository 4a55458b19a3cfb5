"""Every way to call a graph, for claims that hold in all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.graph import END, START, StateGraph, add_messages
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict

from langgraph_moa import Mixture, Proposer, create_moa
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.proposal import Proposal
from langgraph_moa.testing import RecordedRequest, Simulator

Output = dict[str, Any]
Outputs = dict[str, Output]
"""What each run gave, by its question, which no other run has."""
FIRST, SECOND = "the first question", "the second question"
PROMPT = 0.1
"""Seconds within which the design has a server notice that a client has gone: the best of a few tries is under this."""
NOTICED = 0.5
"""Seconds within which a busy machine's server notices it in every single try."""


def ask(question: str) -> dict[str, Any]:
    """Return the input of a run."""
    return {"messages": [("user", question)]}


def requests_of(simulator: Simulator, question: str, model: str) -> list[RecordedRequest]:
    """Return what one run has asked a model."""
    return [
        request
        for request in simulator.requests
        if request.model == model and any(question in str(message["content"]) for message in request.body["messages"])
    ]


def monotonic(timestamp: float) -> float:
    """Return a time of the calendar's clock, such as a proposal's `started_at`, as the simulator counts it."""
    return timestamp + time.monotonic() - time.time()


def use_simulator(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `openai:` models be those of the simulator."""
    monkeypatch.setenv("OPENAI_BASE_URL", simulator.url)
    monkeypatch.setenv("OPENAI_API_KEY", "simulated")


def warm_up() -> None:
    """Import what a first call imports, which takes seconds, so that no claim about time counts it."""
    with Simulator() as simulator, pytest.MonkeyPatch.context() as patch:
        use_simulator(simulator, patch)
        graph = create_moa(Mixture.of([Proposer("openai:a")], "openai:b"))
        graph.invoke(ask("ready?"))
        asyncio.run(graph.ainvoke(ask("ready?")))


class Tries:
    """Up to three tries at what a busy machine may hold up: as many as it takes until one was fast enough.

    The block of a `for` over this is one try, and calls `took`. The test fails if three were not fast enough.

    Args:
        within: Seconds, a bound for each thing that a try measures; the best of the tries is under it.
    """

    def __init__(self, *within: float) -> None:
        self._within = within
        self._measured: list[tuple[float, ...]] = []

    def __iter__(self) -> Iterator[int]:
        """Count the tries from 0."""
        for number in range(3):
            yield number
            best = [min(seconds) for seconds in zip(*self._measured, strict=True)]
            if all(seconds < bound for seconds, bound in zip(best, self._within, strict=True)):
                return
        pytest.fail(f"in no try within {self._within} s, but after {self._measured}")

    def took(self, *seconds: float) -> None:
        """Note what one try measured."""
        self._measured.append(seconds)


class ParentState(TypedDict):
    """What a user's graph shares with the mixture in it."""

    messages: Annotated[list[AnyMessage], add_messages]
    proposals: list[Proposal]


def parent_input(question: str) -> ParentState:
    """Return the input of a run of a user's graph."""
    return ParentState(messages=[HumanMessage(question)], proposals=[])


def parent_of(graph: MoAGraph) -> CompiledStateGraph[ParentState, None, ParentState, ParentState]:
    """Return a user's graph in which the mixture is a node."""
    parent = StateGraph(ParentState)
    parent.add_node("mixture", graph)
    parent.add_edge(START, "mixture")
    parent.add_edge("mixture", END)
    return parent.compile()


def invoke(graph: MoAGraph) -> Outputs:
    """Call synchronously."""
    return {FIRST: graph.invoke(ask(FIRST))}


def ainvoke(graph: MoAGraph) -> Outputs:
    """Call in a loop of its own."""
    return {FIRST: asyncio.run(graph.ainvoke(ask(FIRST)))}


def stream(graph: MoAGraph) -> Outputs:
    """Stream synchronously, tokens included."""
    steps = list(graph.stream(ask(FIRST), stream_mode=["messages", "values"]))
    return {FIRST: [step for mode, step in steps if mode == "values"][-1]}


def astream(graph: MoAGraph) -> Outputs:
    """Stream in a loop of its own, tokens included."""

    async def collect() -> list[Any]:
        return [step async for step in graph.astream(ask(FIRST), stream_mode=["messages", "values"])]

    return {FIRST: [step for mode, step in asyncio.run(collect()) if mode == "values"][-1]}


def batch(graph: MoAGraph) -> Outputs:
    """Call twice in a batch."""
    return _by_question(graph.batch([ask(FIRST), ask(SECOND)]))


def abatch(graph: MoAGraph) -> Outputs:
    """Call twice in an asynchronous batch."""
    return _by_question(asyncio.run(graph.abatch([ask(FIRST), ask(SECOND)])))


def threads(graph: MoAGraph) -> Outputs:
    """Call from two threads at the same time."""
    with ThreadPoolExecutor(2) as executor:
        return _by_question(list(executor.map(graph.invoke, [ask(FIRST), ask(SECOND)])))


def within_a_coroutine(graph: MoAGraph) -> Outputs:
    """Call synchronously where a loop is running, as a notebook's cell does."""

    async def cell() -> Outputs:
        return invoke(graph)

    return asyncio.run(cell())


def in_sync_parent(graph: MoAGraph) -> Outputs:
    """Call a user's graph synchronously."""
    return {FIRST: parent_of(graph).invoke(parent_input(FIRST))}


def in_async_parent(graph: MoAGraph) -> Outputs:
    """Call a user's graph in a loop of its own."""
    return {FIRST: asyncio.run(parent_of(graph).ainvoke(parent_input(FIRST)))}


def _by_question(outputs: Sequence[Output]) -> Outputs:
    return dict(zip((FIRST, SECOND), outputs, strict=True))


Way = Callable[[MoAGraph], Outputs]
WAYS: Sequence[Way] = (
    invoke,
    ainvoke,
    stream,
    astream,
    batch,
    abatch,
    threads,
    within_a_coroutine,
    in_sync_parent,
    in_async_parent,
)
every_way = pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
sync_and_async = pytest.mark.parametrize("way", [invoke, ainvoke], ids=["invoke", "ainvoke"])


def open_sockets() -> int:
    """Return how many sockets this process holds, both ends of a connection counted; 0 where that cannot be seen."""
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return 0
    count = 0
    for entry in folder.iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except OSError:  # the folder's own descriptor
            continue
    return count


async def tasks_besides_this() -> set[asyncio.Task[Any]]:
    """Return the tasks of this loop that are left when those that are ending have ended."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return (await asyncio.wait(others, timeout=5))[1] if others else set()
