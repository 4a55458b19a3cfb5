"""Claims about the synchronous streams and batches of a mixture: they are LangGraph's, and they can be left."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.state import CompiledStateGraph

from langgraph_moa import Layer, Mixture, Proposer, QuorumError, background, create_moa
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.testing import ScriptedChatModel
from tests.ways import tasks_besides_this

QUESTION: dict[str, Any] = {"messages": [("user", "why?")]}
LONG = 30.0
"""Seconds that no test waits."""
variable: ContextVar[str] = ContextVar("variable", default="unset")


def graph_of(*models: ScriptedChatModel, **options: Any) -> MoAGraph:
    """Return the graph of a mixture of models that are named by letters."""
    proposers = [Proposer(model, name=name) for name, model in zip("abc", models, strict=False)]
    return create_moa(Mixture([Layer(proposers)], ScriptedChatModel(replies="the answer")), **options)


def steppers() -> list[threading.Thread]:
    """Return the threads that step through streams now."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("langgraph-moa-stream")]


@pytest.mark.parametrize("mode", ["values", "updates", "custom", "messages", ["values", "updates"]], ids=str)
def test_the_stream_is_that_of_langgraph(mode: Any) -> None:
    """In every mode the stream gives the parts that LangGraph's own stream gives, and leaves no thread."""
    graph = graph_of(ScriptedChatModel())
    own = [*CompiledStateGraph.stream(graph, QUESTION, stream_mode=mode)]
    ours = [*graph.stream(QUESTION, stream_mode=mode)]
    assert shape(ours) == shape(own) != []
    assert steppers() == []


def shape(part: Any) -> Any:
    """Return a part of a stream without what differs from run to run."""
    if isinstance(part, BaseMessage):
        return type(part).__name__, part.text
    if isinstance(part, dict):
        return {key: shape(value) for key, value in part.items() if key in {*NODES, "messages", "event", "slot"}}
    if isinstance(part, list | tuple):
        return [shape(item) for item in part]
    return part


NODES = ("layer_1_a", "layer_1_join", "aggregator")


def test_errors_come_out_of_the_stream() -> None:
    """An error that ends the run is raised where the stream is read."""
    with pytest.raises(QuorumError, match="layer 1"):
        list(graph_of(ScriptedChatModel(replies=ValueError("no"))).stream(QUESTION))
    assert steppers() == []


def test_a_stream_that_is_not_begun_does_nothing() -> None:
    """A stream that nobody reads makes no call and starts no thread; closing it is allowed."""
    model = ScriptedChatModel()
    steps: Any = graph_of(model).stream(QUESTION)
    assert steppers() == []
    steps.close()
    assert model.requests == []


def test_a_stream_that_is_read_to_its_end_may_be_closed() -> None:
    """Closing a stream after its last part changes nothing."""
    steps: Any = graph_of(ScriptedChatModel()).stream(QUESTION)
    assert list(steps)
    steps.close()
    assert list(steps) == []


@pytest.mark.parametrize("delay", [0.0, LONG], ids=["between calls", "during a call"])
def test_a_closed_stream_leaves_no_thread(delay: float) -> None:
    """Closing a stream ends the thread that steps through it; calls that were under way are cancelled, not awaited."""
    slow = ScriptedChatModel(delay=delay)
    steps: Any = graph_of(ScriptedChatModel(), slow).stream(QUESTION, stream_mode=["custom", "updates"])
    while "layer_1_a" not in next(steps)[1]:
        continue
    steps.close()
    assert steppers() == []
    assert background.run(tasks_besides_this()) == set()
    if delay:
        assert slow.cancelled == len(slow.requests)


def test_a_thrown_error_comes_back_and_cancels() -> None:
    """An error that is thrown into the stream is raised from it, and what was under way is cancelled."""
    slow = ScriptedChatModel(delay=LONG)
    steps: Any = graph_of(slow, ScriptedChatModel()).stream(QUESTION, stream_mode="updates")
    assert "layer_1_b" in next(steps)
    with pytest.raises(ZeroDivisionError):
        steps.throw(ZeroDivisionError())
    assert background.run(tasks_besides_this()) == set()
    assert slow.cancelled == len(slow.requests)


def test_context_of_the_caller_is_seen() -> None:
    """Models see the caller's context variables as they were when the stream was begun."""
    seen: list[str] = []

    def reply(_: object) -> str:
        seen.append(variable.get())
        return "ok"

    token = variable.set("of the caller")
    try:
        graph_of(ScriptedChatModel(replies=reply)).invoke(QUESTION)
    finally:
        variable.reset(token)
    assert seen == ["of the caller"]


def test_streams_side_by_side_are_apart() -> None:
    """Of two streams of one graph that are read in turn, closing one cancels nothing of the other."""
    graph = graph_of(ScriptedChatModel(delay=0.3), ScriptedChatModel())
    left, kept = (graph.stream(QUESTION, stream_mode="updates") for _ in range(2))
    assert "layer_1_b" in next(left)
    assert "layer_1_b" in next(kept)
    close(left)
    assert [name for part in kept for name in part] == ["layer_1_a", "layer_1_join", "aggregator"]


def test_a_stream_within_a_stream_is_apart() -> None:
    """A mixture that is called synchronously from the loop over another's stream ends, and does not end the other."""
    graph = graph_of(ScriptedChatModel())
    inner: list[str] = []
    outer = []
    for part in graph.stream(QUESTION, stream_mode="updates"):
        inner.append(graph.invoke(QUESTION)["messages"][-1].content)
        outer += list(part)
    assert outer == ["layer_1_a", "layer_1_join", "aggregator"]
    assert inner == ["the answer"] * 3


def test_a_run_that_was_left_can_be_resumed() -> None:
    """With a checkpointer, what had ended when a stream was closed is not asked again."""
    quick = ScriptedChatModel(replies="quick")
    slow = ScriptedChatModel(replies="slow", delay=0.3)
    graph = graph_of(quick, slow, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "left"}}
    steps = graph.stream(QUESTION, config, stream_mode="updates")
    assert "layer_1_a" in next(steps)
    close(steps)
    output = graph.invoke(None, config)
    assert output["messages"][-1].content == "the answer"
    assert [proposal["text"] for proposal in output["proposals"]] == ["quick", "slow"]
    assert len(quick.requests) == 1


class Together:
    """An answer that is given when as many calls as were asked for are under way.

    Args:
        awaited: That many.
    """

    def __init__(self, awaited: int) -> None:
        self.most = self._now = 0
        self._awaited = awaited
        self._met = asyncio.Event()

    async def answer(self, _: object) -> str:
        """Wait for the others, and answer."""
        self._now += 1
        self.most = max(self.most, self._now)
        if self._now >= self._awaited:
            self._met.set()
        try:
            await self._met.wait()
            await asyncio.sleep(0.01)
        finally:
            self._now -= 1
        return "met"

    def graph(self, **config: Any) -> MoAGraph:
        """Return a mixture whose proposer answers like that."""
        layer = Layer([Proposer(RunnableLambda(self.answer), name="meets")], deadline=LONG)
        return create_moa(Mixture([layer], ScriptedChatModel(replies="the answer"))).with_config(**config)


MANY = 40
"""More inputs than LangChain's pool takes at a time by itself on any machine: that is 32 at most."""
QUESTIONS = [QUESTION] * MANY


def in_a_batch(graph: MoAGraph, config: Any = None) -> list[Any]:
    """Return the outputs of a batch."""
    return graph.batch(QUESTIONS, config)


def as_completed(graph: MoAGraph, config: Any = None) -> list[Any]:
    """Return the outputs of a batch that gives them as they come."""
    outputs = dict(graph.batch_as_completed(QUESTIONS, config))
    assert sorted(outputs) == list(range(MANY))
    return [*outputs.values()]


@pytest.mark.parametrize("call", [in_a_batch, as_completed])
@pytest.mark.parametrize("config", [None, {"tags": ["t"]}, [{}] * MANY], ids=["no config", "one", "one for each"])
def test_the_runs_of_a_batch_go_side_by_side(call: Any, config: Any) -> None:
    """All inputs of a batch run at the same time, however few cores there are."""
    together = Together(MANY)
    outputs = call(together.graph(), config)
    assert [output["messages"][-1].content for output in outputs] == ["the answer"] * MANY
    assert [output["proposals"][0]["text"] for output in outputs] == ["met"] * MANY
    assert together.most == MANY


@pytest.mark.parametrize("call", [in_a_batch, as_completed])
@pytest.mark.parametrize("config", [{"max_concurrency": 3}, [{"max_concurrency": 3}] * MANY], ids=["one", "each"])
def test_max_concurrency_bounds_a_batch(call: Any, config: Any) -> None:
    """What the caller sets for a batch is kept: so many runs at a time and no more."""
    together = Together(3)
    call(together.graph(), config)
    assert together.most == 3


def test_max_concurrency_of_the_graph_bounds_a_batch() -> None:
    """A bound that was bound to the graph holds for its batches."""
    together = Together(3)
    in_a_batch(together.graph(max_concurrency=3))
    assert together.most == 3


class Beginnings(BaseCallbackHandler):
    """Counts the graphs that begin."""

    def __init__(self) -> None:
        self.count = 0

    def on_chain_start(self, *_: Any, **options: Any) -> None:
        """Count a graph."""
        self.count += options.get("parent_run_id") is None


def test_callbacks_of_the_graph_are_called_once_in_a_batch() -> None:
    """A handler that was bound to the graph sees every run of a batch once."""
    seen = Beginnings()
    graph = graph_of(ScriptedChatModel()).with_config(callbacks=[seen])
    assert len(graph.batch([QUESTION] * 3)) == len(list(graph.batch_as_completed([QUESTION] * 3))) == 3
    assert seen.count == 6


def test_errors_stand_in_a_batch_where_that_is_wanted() -> None:
    """With `return_exceptions`, the run that failed leaves its error in its place, and the others their answers."""

    def reply(request: list[BaseMessage]) -> str:
        if request[-1].text == "fail":
            raise ValueError(request[-1].text)
        return "ok"

    graph = graph_of(ScriptedChatModel(replies=reply))
    inputs = [QUESTION, {"messages": [("user", "fail")]}]
    failed, answered = QuorumError, dict
    assert [type(one) for one in graph.batch(inputs, return_exceptions=True)] == [answered, failed]
    assert {place: type(one) for place, one in graph.batch_as_completed(inputs, return_exceptions=True)} == {
        0: answered,
        1: failed,
    }
    with pytest.raises(QuorumError):
        graph.batch(inputs)


@pytest.mark.parametrize("leave", ["close", "interrupt"])
def test_a_batch_that_is_left_cancels_its_calls(leave: str) -> None:
    """Leaving a batch that gives answers as they come cancels the calls of the runs that have not ended, at once."""
    begun: list[Any] = []
    cancelled: list[Any] = []

    async def reply(request: list[BaseMessage]) -> str:
        if request[-1].text == "slow":
            begun.append(request)
            try:
                await asyncio.sleep(LONG)
            except asyncio.CancelledError:
                cancelled.append(request)
                raise
        return "quick"

    layer = Layer([Proposer(RunnableLambda(reply), name="a")], deadline=2 * LONG)
    graph = create_moa(Mixture([layer], ScriptedChatModel()))
    runs: Any = graph.batch_as_completed([{"messages": [("user", word)]} for word in ("slow", "slow", "quick")])
    started = time.monotonic()
    assert next(runs)[0] == 2
    if leave == "close":
        runs.close()
    else:
        with pytest.raises(KeyboardInterrupt):
            runs.throw(KeyboardInterrupt())
    assert time.monotonic() - started < LONG / 2
    assert background.run(tasks_besides_this()) == set()
    assert len(cancelled) == len(begun)
    assert steppers() == []


def close(steps: Iterator[Any]) -> None:
    """Close a stream, which is a generator."""
    generator: Any = steps
    generator.close()
