"""Claims about what a run costs beside its models, in counts: of calls, tasks and bytes, never in seconds."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine
from types import FrameType
from typing import Any, cast

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_moa import Aggregator, Layer, Mixture, Proposer, create_moa
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.testing import Behaviour, Simulator

QUESTION: list[BaseMessage] = [HumanMessage("What is a quorum?")]
Work = Callable[[], Awaitable[object]]


class Instant(BaseChatModel):
    """A chat model that answers at once, so that whatever is counted is not the model's."""

    model: str

    @property
    def _llm_type(self) -> str:
        return "instant"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(f"I am {self.model}."))])


def instants(width: int) -> list[Instant]:
    """Return so many models."""
    return [Instant(model=f"model-{index}") for index in range(width)]


def mixture(width: int, layers: int) -> MoAGraph:
    """Return a mixture with the same proposers in every layer."""
    proposers = [Proposer(model, name=model.model) for model in instants(width)]
    return create_moa(Mixture([Layer(proposers)] * layers, Aggregator(Instant(model="last"))))


async def bare(width: int, layers: int) -> BaseMessage:
    """Make the same calls with nothing around them."""
    models, answers = instants(width), list[BaseMessage]()
    for _ in range(layers):
        request = [*QUESTION, *(HumanMessage(answer.text) for answer in answers)]
        answers = list(await asyncio.gather(*(model.ainvoke(request) for model in models)))
    return await Instant(model="last").ainvoke([*QUESTION, *(HumanMessage(answer.text) for answer in answers)])


async def python_calls(work: Work) -> int:
    """Count the Python functions that are called, once everything that is done only once has been done."""
    for _ in range(2):
        await work()
    count = 0

    def profile(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event == "call"

    gc.disable()  # finalisers of what other tests have left behind are no work of ours
    sys.setprofile(profile)
    try:
        await work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


async def tasks(work: Work) -> int:
    """Count the asyncio tasks that are begun."""
    await work()
    loop, count = asyncio.get_running_loop(), 0

    def counted(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any) -> Any:
        nonlocal count
        count += 1
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(cast("Any", counted))
    try:
        await work()
    finally:
        loop.set_task_factory(None)
    return count


def ours(width: int, layers: int) -> Work:
    """Return a run of such a mixture."""
    graph = mixture(width, layers)
    return lambda: graph.ainvoke({"messages": QUESTION})


async def test_python_calls_beside_the_floor() -> None:
    """A run of 13 calls takes less than five times the Python function calls of the bare model calls."""
    floor = await python_calls(lambda: bare(6, 2))
    assert await python_calls(ours(6, 2)) < 5 * floor


async def test_tasks_of_a_run() -> None:
    """A node begins at most four asyncio tasks beside its model's: LangGraph's, and one that can be cancelled."""
    floor = await tasks(lambda: bare(6, 2))
    assert await tasks(ours(6, 2)) <= floor + 4 * 15


@pytest.mark.parametrize("width", [16, 32])
async def test_width_is_linear(width: int) -> None:
    """Twice the width takes at most twice the function calls."""
    assert await python_calls(ours(2 * width, 1)) <= 2 * await python_calls(ours(width, 1))


async def test_depth_is_linear() -> None:
    """Twice the layers take at most twice the function calls."""
    assert await python_calls(ours(3, 4)) <= 2 * await python_calls(ours(3, 2))


async def test_history_is_linear() -> None:
    """Twice the messages of a conversation take at most twice the function calls."""
    graph = mixture(3, 2)

    def after(turns: int) -> Work:
        said = [HumanMessage("Go on."), AIMessage("As I said.")] * turns
        return lambda: graph.ainvoke({"messages": [*said, *QUESTION]})

    assert await python_calls(after(64)) <= 2 * await python_calls(after(32))


async def test_bytes_over_the_wire() -> None:
    """What is sent holds the question 13 times and each proposal once for each of its readers, and little beside."""
    proposal, readers = "x" * 5_000, 6 + 1
    key = SecretStr("any")
    with Simulator(Behaviour(reply=proposal)) as simulator:
        proposers = [
            Proposer(ChatOpenAI(model=f"model-{index}", base_url=simulator.url, api_key=key), name=f"slot_{index}")
            for index in range(6)
        ]
        last = ChatOpenAI(model="last", base_url=simulator.url, api_key=key)
        await create_moa(Mixture([Layer(proposers)] * 2, Aggregator(last))).ainvoke({"messages": QUESTION})
        sent = [json.dumps(request.body) for request in simulator.requests]
    assert len(sent) == 13
    assert sum(map(len, sent)) < 1.1 * readers * 6 * len(proposal)
    assert sum(text.count("What is a quorum?") for text in sent) == 13
