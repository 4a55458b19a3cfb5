"""Claims about runs that nobody waits for any more: every call is cancelled, down to the connection."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing, contextmanager
from typing import Any

import pytest
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import START, StateGraph

from langgraph_moa import Layer, Mixture, Proposer, create_moa
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.testing import Behaviour, Simulator
from tests.ways import (
    FIRST,
    NOTICED,
    PROMPT,
    SECOND,
    ParentState,
    Tries,
    ask,
    parent_of,
    tasks_besides_this,
    use_simulator,
    warm_up,
)

logger = logging.getLogger(__name__)
"""Says what was measured: `pytest --log-cli-level=INFO` shows it."""
NAMES = ("one", "two", "three")
DEADLINE = 20.0
"""Seconds; a run that ends earlier than this was ended by what the test does."""
Graph = Runnable[Any, Any]
Leave = Callable[[Graph, Any, Simulator], Awaitable[float]]
"""Starts a run, leaves it once all its calls are under way, and returns when it did."""


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Make the first call before any claim about time."""
    warm_up()


@pytest.fixture
def provider(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Let no proposer ever answer."""
    use_simulator(simulator, monkeypatch)
    simulator.behaviour = Behaviour(hang=True)
    simulator.models = {"quick": Behaviour(), "writer": Behaviour(reply="word " * 200, tokens_per_second=20)}
    return simulator


def hanging(name: str = "moa", deadline: float = DEADLINE) -> Mixture:
    """Return a mixture whose proposers never answer."""
    proposers = [Proposer(f"openai:{model}", name=model) for model in NAMES]
    return Mixture([Layer(proposers, quorum=1, grace=0, deadline=deadline)], "openai:quick", name=name)


def writing() -> MoAGraph:
    """Return a mixture whose aggregator writes for ten seconds."""
    return create_moa(Mixture.of([Proposer("openai:quick")], "openai:writer"))


def root() -> Graph:
    """Return the mixture by itself."""
    return create_moa(hanging())


def node() -> Graph:
    """Return a user's graph with the mixture as a node."""
    return parent_of(create_moa(hanging()))


def inside_a_node() -> Graph:
    """Return a user's graph with a node that calls the mixture."""
    graph = create_moa(hanging())

    async def call(state: ParentState, config: RunnableConfig) -> dict[str, Any]:
        output = await graph.ainvoke({"messages": state["messages"]}, config)
        return {"messages": output["messages"][-1:]}

    parent = StateGraph(ParentState)
    parent.add_node("call", call)
    parent.add_edge(START, "call")
    return parent.compile()


def nested() -> Graph:
    """Return a mixture whose only proposer is a mixture."""
    layer = Layer([Proposer(hanging("inner"), name="inner")], deadline=DEADLINE)
    return create_moa(Mixture([layer], "openai:quick", name="outer"))


async def cancel_ainvoke(graph: Graph, question: Any, provider: Simulator) -> float:
    """Cancel the task that awaits the answer."""
    return await _cancel(asyncio.ensure_future(graph.ainvoke(question)), provider)


async def cancel_abatch(graph: Graph, question: Any, provider: Simulator) -> float:
    """Cancel the task that awaits two answers."""
    return await _cancel(asyncio.ensure_future(graph.abatch([question, question])), provider, 2 * len(NAMES))


async def cancel_astream(graph: Graph, question: Any, provider: Simulator) -> float:
    """Cancel the task that reads the stream."""

    async def read() -> list[Any]:
        return [step async for step in graph.astream(question)]

    return await _cancel(asyncio.ensure_future(read()), provider)


async def time_out(graph: Graph, question: Any, provider: Simulator) -> float:
    """Let the caller's own timeout pass."""
    loop = asyncio.get_running_loop()
    scope = asyncio.timeout(None)

    async def call() -> None:
        async with scope:
            await graph.ainvoke(question)

    run = asyncio.ensure_future(call())
    await all_asked(provider, len(NAMES))
    left_at = time.monotonic()
    scope.reschedule(loop.time())
    with pytest.raises(TimeoutError):
        await run
    return left_at


async def close_astream(graph: Graph, question: Any, provider: Simulator) -> float:
    """Close the stream at one of its first events."""
    steps: Any = graph.astream(question, stream_mode="custom", subgraphs=True)
    return await _leave(steps, provider)


async def close_astream_events(graph: Graph, question: Any, provider: Simulator) -> float:
    """Close a stream of LangChain's events."""
    return await _leave(graph.astream_events(question, version="v2"), provider)


async def _cancel(run: asyncio.Future[Any], provider: Simulator, calls: int = len(NAMES)) -> float:
    await all_asked(provider, calls)
    left_at = time.monotonic()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert run.cancelled()
    return left_at


async def _leave(steps: AsyncIterator[Any], provider: Simulator) -> float:
    async with aclosing(steps):  # type: ignore[type-var]
        async for _ in steps:
            await all_asked(provider, len(NAMES))
            break
        return time.monotonic()
    pytest.fail("the stream had no event")


async def all_asked(provider: Simulator, calls: int) -> None:
    """Wait until so many calls are under way, without holding up the loop."""
    assert await asyncio.to_thread(provider.wait_for, lambda it: it.in_flight == calls)


def seconds_until_gone(provider: Simulator, left_at: float, how: str) -> float:
    """Return after how long the clients of all requests under way had gone, and forget the requests.

    Not one takes long, and nothing more was asked.
    """
    assert provider.wait_for(lambda it: it.in_flight == 0)
    cut = [request for request in provider.requests if request.model in {*NAMES, "writer"}]
    delays = [request.disconnected_at - left_at for request in cut if request.disconnected_at is not None]
    assert len(delays) == len(cut) > 0
    assert cut[-1] is provider.requests[-1]
    logger.info("%s: the last of %d calls was gone after %.0f ms", how, len(cut), 1000 * max(delays))
    assert max(delays) < NOTICED
    provider.reset()
    return max(delays)


LEAVING: tuple[Leave, ...] = (
    cancel_ainvoke,
    cancel_abatch,
    cancel_astream,
    time_out,
    close_astream,
    close_astream_events,
)
GRAPHS: tuple[Callable[[], Graph], ...] = (root, node, inside_a_node, nested)


@pytest.mark.parametrize("make", GRAPHS, ids=[make.__name__ for make in GRAPHS])
@pytest.mark.parametrize("leave", LEAVING, ids=[leave.__name__ for leave in LEAVING])
async def test_leaving_an_asynchronous_run_cancels_every_call(
    leave: Leave, make: Callable[[], Graph], provider: Simulator
) -> None:
    """A cancelled task, a timeout of the caller's or a closed stream ends every call within 100 ms, and comes out."""
    graph, tries = make(), Tries(PROMPT)
    for _ in tries:
        left_at = await leave(graph, ask(FIRST), provider)
        await all_asked(provider, 0)
        tries.took(seconds_until_gone(provider, left_at, f"{leave.__name__} of {make.__name__}"))
        assert await tasks_besides_this() == set()


async def test_cancelling_while_the_aggregator_writes(provider: Simulator) -> None:
    """A run that is cancelled in the middle of its answer closes the aggregator's connection."""
    graph, tries = writing(), Tries(PROMPT)
    for _ in tries:
        run = asyncio.ensure_future(graph.ainvoke(ask(FIRST)))
        assert await asyncio.to_thread(provider.wait_for, lambda it: it.in_flight_of["writer"] == 1)
        left_at = time.monotonic()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        await all_asked(provider, 0)
        tries.took(seconds_until_gone(provider, left_at, "cancel_ainvoke of the aggregator"))


async def test_closing_an_asynchronous_stream_at_a_token(provider: Simulator) -> None:
    """A stream of tokens that is closed at the first one closes the aggregator's connection."""
    graph, tries = writing(), Tries(PROMPT)
    for _ in tries:
        steps: Any = graph.astream(ask(FIRST), stream_mode="messages")
        async with aclosing(steps):
            token, _ = await anext(steps)
            left_at = time.monotonic()
        assert token.content in {"", "word"}
        await all_asked(provider, 0)
        tries.took(seconds_until_gone(provider, left_at, "close_astream at a token"))


def close_stream(graph: Graph, provider: Simulator) -> float:
    """Close the stream at its first event."""
    steps: Any = graph.stream(ask(FIRST), stream_mode="custom")
    with closing(steps):
        next(steps)
        assert provider.wait_for(lambda it: it.in_flight == len(NAMES))
        return time.monotonic()


def leave_the_loop(graph: Graph, provider: Simulator) -> float:
    """Leave the loop over the stream, which nobody holds any more then."""
    for _ in graph.stream(ask(FIRST), stream_mode="custom"):
        assert provider.wait_for(lambda it: it.in_flight == len(NAMES))
        left_at = time.monotonic()
        break
    return left_at


def raise_in_the_loop(graph: Graph, provider: Simulator) -> float:
    """Raise an error from the loop over the stream."""
    left_at = []

    def read() -> None:
        for _ in graph.stream(ask(FIRST), stream_mode="custom"):
            assert provider.wait_for(lambda it: it.in_flight == len(NAMES))
            left_at.append(time.monotonic())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read()
    return left_at[0]


LEAVING_STREAMS = (close_stream, leave_the_loop, raise_in_the_loop)


@pytest.mark.parametrize("make", [root, nested], ids=["root", "nested"])
@pytest.mark.parametrize("leave", LEAVING_STREAMS, ids=[leave.__name__ for leave in LEAVING_STREAMS])
def test_leaving_a_synchronous_stream_cancels_every_call(
    leave: Callable[[Graph, Simulator], float], make: Callable[[], Graph], provider: Simulator
) -> None:
    """However a synchronous stream is left early, its calls end at once."""
    graph, tries = make(), Tries(PROMPT)
    for _ in tries:
        started = time.monotonic()
        left_at = leave(graph, provider)
        assert time.monotonic() - started < DEADLINE / 2
        tries.took(seconds_until_gone(provider, left_at, f"{leave.__name__} of {make.__name__}"))


def test_closing_a_synchronous_stream_at_a_token(provider: Simulator) -> None:
    """A stream of tokens that is closed at the first one closes the aggregator's connection."""
    graph, tries = writing(), Tries(PROMPT)
    for _ in tries:
        steps: Any = graph.stream(ask(FIRST), stream_mode="messages")
        with closing(steps):
            next(steps)
            left_at = time.monotonic()
        tries.took(seconds_until_gone(provider, left_at, "close_stream at a token"))


@contextmanager
def interrupt(provider: Simulator, calls: int) -> Iterator[list[float]]:
    """Press Ctrl-C once so many calls are under way, which the block must wait for; give the moment when it is over."""
    pressed: list[float] = []

    def press() -> None:
        if provider.wait_for(lambda it: it.in_flight == calls):
            pressed.append(time.monotonic())
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with ThreadPoolExecutor(1) as executor:
        pressing = executor.submit(press)
        with pytest.raises(KeyboardInterrupt):
            yield pressed
        pressing.result()


def interrupt_invoke(graph: Graph) -> None:
    """Wait for an answer."""
    graph.invoke(ask(FIRST))


def interrupt_stream(graph: Graph) -> None:
    """Wait for the end of a stream."""
    list(graph.stream(ask(FIRST)))


def interrupt_batch_of_one(graph: Graph) -> None:
    """Wait for the answer of a batch."""
    graph.batch([ask(FIRST)])


INTERRUPTED = (interrupt_invoke, interrupt_stream, interrupt_batch_of_one)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends no signal to a thread")
@pytest.mark.parametrize("make", [root, node, nested], ids=["root", "node", "nested"])
@pytest.mark.parametrize("call", INTERRUPTED, ids=[call.__name__ for call in INTERRUPTED])
def test_an_interrupt_cancels_every_call(
    call: Callable[[Graph], None], make: Callable[[], Graph], provider: Simulator
) -> None:
    """Ctrl-C in a synchronous call is raised at once, and every call is cancelled."""
    graph, tries = make(), Tries(PROMPT)
    for _ in tries:
        with interrupt(provider, len(NAMES)) as pressed:
            call(graph)
        assert time.monotonic() - pressed[0] < DEADLINE / 2
        tries.took(seconds_until_gone(provider, pressed[0], f"{call.__name__} of {make.__name__}"))


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends no signal to a thread")
def test_an_interrupt_cancels_every_call_of_a_batch(provider: Simulator) -> None:
    """Ctrl-C in a batch of several is raised at once, and every call is cancelled."""
    graph, tries = create_moa(hanging(deadline=3.0)), Tries(PROMPT)
    for _ in tries:
        with interrupt(provider, 2 * len(NAMES)) as pressed:
            graph.batch([ask(FIRST), ask(SECOND)])
        tries.took(seconds_until_gone(provider, pressed[0], "interrupt_batch"))


def test_a_graph_answers_after_a_run_that_was_left(provider: Simulator) -> None:
    """A run that was left early takes nothing from the next one of the same graph."""
    graph = create_moa(hanging())
    for leave in LEAVING_STREAMS:
        leave(graph, provider)
        assert provider.wait_for(lambda it: it.in_flight == 0)
    provider.behaviour = Behaviour()
    output = graph.invoke(ask(SECOND))
    assert [proposal["status"] for proposal in output["proposals"]].count("ok") >= 1
    assert output["messages"][-1].content == "ok"
