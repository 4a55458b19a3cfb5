"""Claims about the live view: it hears every call, wherever the mixture stands, and draws in one place."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

from langgraph_moa import ChatMoA, Mixture, Proposer, QuorumError, create_moa
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.notebook import LiveView, live_view
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from tests.notebook.watched import KeptScreen
from tests.ways import use_simulator

QUESTION = {"messages": [("user", "Why?")]}
ENDED = [
    "  aggregator, aggregator: done",
    "  layer 1, bad: failed, no",
    "  layer 1, one: done",
    "moa: ended",
]
"""In alphabetical order."""


@pytest.fixture
def screens(monkeypatch: pytest.MonkeyPatch) -> list[KeptScreen]:
    """Return the screens that views are given, in order."""
    made: list[KeptScreen] = []

    def screen_here() -> KeptScreen:
        made.append(KeptScreen())
        return made[-1]

    monkeypatch.setattr(live_view, "screen_here", screen_here)
    return made


def recipe(**fields: Any) -> Mixture:
    """Return a mixture of a proposer that answers and one that fails."""
    good = Proposer(ScriptedChatModel(replies="yes"), name="one")
    bad = Proposer(ScriptedChatModel(replies=ValueError("no")), name="bad")
    return Mixture.of([good, bad], ScriptedChatModel(replies="Yes."), on_partial="allow", **fields)


def timeless(drawing: str) -> list[str]:
    """Return the lines of a drawing without their seconds, in alphabetical order: calls begin in any."""
    return sorted(re.sub(r", \d+\.\d s", "", line) for line in drawing.splitlines())


async def _read(graph: MoAGraph, config: Any) -> None:
    async for _ in graph.astream(QUESTION, config):
        pass


WAYS: dict[str, Callable[[Mixture, Any], Any]] = {
    "invoke": lambda mixture, config: create_moa(mixture).invoke(QUESTION, config),
    "ainvoke": lambda mixture, config: asyncio.run(create_moa(mixture).ainvoke(QUESTION, config)),
    "stream": lambda mixture, config: list(create_moa(mixture).stream(QUESTION, config)),
    "astream": lambda mixture, config: asyncio.run(_read(create_moa(mixture), config)),
    "chat": lambda mixture, config: ChatMoA(mixture=mixture).invoke("Why?", config),
    "achat": lambda mixture, config: asyncio.run(ChatMoA(mixture=mixture).ainvoke("Why?", config)),
    "chat-stream": lambda mixture, config: list(ChatMoA(mixture=mixture).stream("Why?", config)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_call_is_shown_to_its_end(way: Callable[[Mixture, Any], Any], screens: list[KeptScreen]) -> None:
    """However a mixture is called, the last drawing has every call with how it ended, in one place."""
    way(recipe(), {"callbacks": [LiveView()]})
    [screen] = screens
    assert timeless(screen.drawings[-1]) == ENDED


def test_calls_of_a_known_mixture_wait_in_the_first_drawing(screens: list[KeptScreen]) -> None:
    """A view that is given the mixture shows every call before it is made."""
    create_moa(recipe(depth=3)).invoke(QUESTION, {"callbacks": [LiveView(recipe(depth=3))]})
    first = timeless(screens[0].drawings[0])
    assert "  layer 2 of 2, bad: waiting" in first
    assert "  aggregator, aggregator: waiting" in first


def test_each_mixture_within_another_has_a_table(screens: list[KeptScreen]) -> None:
    """A nested mixture's calls are not mistaken for those around it, though both have the same name and slots."""
    outer = Mixture.of([Proposer(recipe(), name="one")], ScriptedChatModel())
    create_moa(outer).invoke(QUESTION, {"callbacks": [LiveView()]})
    [screen] = screens
    outer_ended = ["moa: ended", "  layer 1, one: done", "  aggregator, aggregator: done"]
    assert screen.drawings[-1].count("moa: ended") == 2
    assert timeless(screen.drawings[-1]) == sorted([*ENDED, *outer_ended])


def test_runs_of_a_batch_have_a_table_each(screens: list[KeptScreen]) -> None:
    """Runs side by side keep their calls apart, also where places are used one after the other."""
    create_moa(recipe()).batch([QUESTION] * 3, {"callbacks": [view := LiveView()]})
    ended = [timeless(screen.drawings[-1]) for screen in screens]
    assert sorted(line for drawing in ended for line in drawing) == sorted(ENDED * 3)
    assert view._open == {}


def test_an_agents_calls_of_a_mixture_share_a_place(screens: list[KeptScreen]) -> None:
    """All that one call of an agent asks of its mixture is shown in one place, the second call without a layer."""

    @tool
    def height() -> int:
        """Return a height."""
        return 80

    call = {"name": "height", "args": {}, "id": "1"}
    writer = ScriptedChatModel(replies=[AIMessage("", tool_calls=[call]), "80 m"])
    model = ChatMoA(proposers=[Proposer(ScriptedChatModel(), name="one")], aggregator=writer)
    agent: Any = create_agent(model, tools=[height])
    agent.invoke(QUESTION, {"callbacks": [LiveView()]})
    [screen] = screens
    first, second = screen.drawings[-1].split("\nmoa: ended")
    assert timeless(first) == ["  aggregator, aggregator: done", "  layer 1, one: done", "moa: ended"]
    assert timeless(second)[1:] == ["  aggregator, aggregator: done"]


def test_a_view_that_is_used_again_takes_a_new_place(screens: list[KeptScreen]) -> None:
    """The next run neither overwrites the last one's table nor repeats it."""
    view = LiveView()
    for _ in range(2):
        create_moa(recipe()).invoke(QUESTION, {"callbacks": [view]})
    assert [timeless(screen.drawings[-1]) for screen in screens] == [ENDED, ENDED]


def test_a_run_that_fails_is_drawn_to_its_end(screens: list[KeptScreen]) -> None:
    """The kind of the error that ended a run stands above its calls."""
    with pytest.raises(QuorumError):
        create_moa(recipe(quorum=2)).invoke(QUESTION, {"callbacks": [LiveView()]})
    assert timeless(screens[0].drawings[-1]) == [*ENDED[1:3], "moa: ended by QuorumError"]


async def test_a_run_that_is_cancelled_is_drawn_to_its_end(screens: list[KeptScreen]) -> None:
    """Nothing goes on in the last drawing of a run that was cancelled, and nothing is drawn after it."""
    view = LiveView()
    asked = asyncio.Event()

    async def hang(_: Any) -> None:
        asked.set()
        await asyncio.Event().wait()

    slow = Mixture.of([Proposer(RunnableLambda(hang), name="one")], ScriptedChatModel())
    running = asyncio.create_task(create_moa(slow).ainvoke(QUESTION, {"callbacks": [view]}))
    await asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert timeless(screens[0].drawings[-1]) == ["  layer 1, one: cancelled", "moa: ended by CancelledError"]
    assert view._stop.is_set()
    assert view._open == {}


def test_seconds_tick_while_nothing_happens(screens: list[KeptScreen]) -> None:
    """A run that waits for its models is drawn again and again, in a thread that ends with it."""
    view = LiveView()
    slow = Mixture.of([Proposer(ScriptedChatModel(delay=0.7), name="one")], ScriptedChatModel())
    began = time.monotonic()
    create_moa(slow).invoke(QUESTION, {"callbacks": [view]})
    most = 3 + (time.monotonic() - began) / live_view._BETWEEN_DRAWINGS
    ticks = {line for drawing in screens[0].drawings for line in drawing.splitlines() if "answering" in line}
    assert len(ticks) >= 2
    assert len(screens[0].drawings) <= most


@pytest.mark.parametrize("kind", ["graph", "chat"])
def test_a_view_makes_no_model_stream(
    kind: str, screens: list[KeptScreen], simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Providers get the same requests with a view as without one."""
    use_simulator(simulator, monkeypatch)
    simulator.models = {"a": Behaviour(reply="yes")}
    mixture = Mixture.of(["openai:a"], "openai:a")
    config: Any = {"callbacks": [LiveView()]}
    if kind == "graph":
        create_moa(mixture).invoke(QUESTION, config)
    else:
        ChatMoA(mixture=mixture).invoke("Why?", config)
    assert len(simulator.requests) == 2
    assert not any(request.body.get("stream") for request in simulator.requests)
    assert "tokens" in screens[0].drawings[-1]
