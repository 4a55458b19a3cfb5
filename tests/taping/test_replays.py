"""Claims about runs that are recorded, and replayed without a provider."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import AsyncCallbackHandler, get_usage_metadata_callback
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel

from langgraph_moa import (
    Aggregator,
    Budget,
    ChatMoA,
    Layer,
    Limit,
    MissingKeyError,
    Mixture,
    MoAError,
    Proposer,
    create_moa,
)
from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.recording import Mode, Tape, taping
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from tests.taping.runs import USAGE, Output, both_kinds, panel, run, unmarked, written
from tests.ways import ask


@both_kinds
def test_exact(path: Path, provider: Simulator, offline: Callable[[], None]) -> None:
    """A replay needs no key and no provider, is byte for byte what was recorded, and marks every call as recorded."""
    recorded = run(path, "record", panel())
    asked = len(provider.requests)
    offline()
    with pytest.raises(MissingKeyError):
        create_moa(panel()).invoke(ask("Why?"))
    once, twice = run(path, "replay", panel()), run(path, "replay", panel())
    assert written(once) == written(twice)
    assert unmarked(once) == written(recorded)
    assert all(call["recorded"] for proposal in once["proposals"] for call in proposal["calls"])
    assert (len(provider.requests), asked) == (asked, 10)


@pytest.mark.parametrize("way", ["ainvoke", "to_thread", "batch", "in_user_thread"])
def test_every_caller(way: str, path: Path, provider: Simulator, offline: Callable[[], None]) -> None:
    """What was recorded by an `invoke` is replayed to asynchronous callers, in threads and in batches."""
    recorded = run(path, "record", panel())
    offline()
    graph, tape = create_moa(panel()), Tape.open(path, mode="replay")

    def own() -> Output:
        with taping(tape):
            return graph.invoke(ask("Why?"))

    with taping(tape):
        if way == "ainvoke":
            replayed = asyncio.run(graph.ainvoke(ask("Why?")))
        elif way == "to_thread":
            replayed = asyncio.run(asyncio.to_thread(graph.invoke, ask("Why?")))
        elif way == "batch":
            [replayed] = graph.batch([ask("Why?")])
        else:
            with ThreadPoolExecutor(1) as pool:
                replayed = pool.submit(own).result()
    assert unmarked(replayed) == written(recorded)


def test_failures(path: Path, provider: Simulator, offline: Callable[[], None]) -> None:
    """Retries, failures, fallbacks and empty answers are replayed as they came, at once, and without their waits."""
    provider.behaviour = Behaviour(reply=lambda body: "" if body["model"] == "empty" else f"this is {body['model']}")
    flaky = ScriptedChatModel(replies="in the end", failures=[ConnectionError("broken"), ConnectionError("again")])
    lost = ScriptedChatModel(replies=[ValueError("it is api_key=verysecretvalue")])
    mixture = Mixture.of([flaky, lost, Proposer("openai:empty", fallbacks=["openai:spare"])], "openai:final")
    recorded = run(path, "record", mixture)
    offline()
    replayed = run(path, "replay", mixture)
    assert unmarked(replayed) == written(recorded)
    assert [proposal["status"] for proposal in replayed["proposals"]] == ["ok", "error", "ok"]
    assert [proposal["attempts"] for proposal in replayed["proposals"]] == [3, 1, 2]
    assert len(flaky.requests) == 3
    assert b"verysecretvalue" not in path.read_bytes()


def test_interruptions(path: Path) -> None:
    """Seats that a deadline or a quorum cut off are cut off in the replay too, at once and with the same words."""
    slow = ScriptedChatModel(model_name="slow", replies="late", delay=30)
    quick = ScriptedChatModel(model_name="quick", replies="quick")
    late = Mixture([Layer([quick, slow], deadline=0.4)], Aggregator(quick), name="late")
    quorum = Mixture([Layer([quick, slow], quorum=1, grace=0.0)], Aggregator(quick), name="quorum")
    for mixture, status in ((late, "timeout"), (quorum, "cancelled")):
        recorded = run(path, "record", mixture, status)
        replayed = run(path, "replay", mixture, status)
        assert unmarked(replayed) == written(recorded)
        assert [proposal["status"] for proposal in replayed["proposals"]] == ["ok", status]


def test_agents(path: Path) -> None:
    """An agent is recorded as a whole: in a replay neither its model nor its tools run, and its tokens are all told."""
    called = []

    def look_up(word: str) -> str:
        """Look a word up."""
        called.append(word)
        return f"{word}: known"

    call = {"name": "look_up", "args": {"word": "quorum"}, "id": "call-1"}
    model = ScriptedChatModel(replies=[AIMessage("", tool_calls=[call]), "found"], usage=USAGE)
    final = ScriptedChatModel(replies="done", usage=USAGE)
    mixture = Mixture.of([create_agent(model, [look_up])], final)
    recorded = run(path, "record", mixture)
    replayed = run(path, "replay", mixture)
    assert unmarked(replayed) == written(recorded)
    assert replayed["proposals"][0]["usage"]["total_tokens"] == 20
    assert (called, len(model.requests)) == (["quorum"], 2)


def test_usage_is_exact(path: Path, provider: Simulator, offline: Callable[[], None]) -> None:
    """LangChain's own count of tokens is the same for a replay as for the run that was recorded."""
    with get_usage_metadata_callback() as paid:
        run(path, "record", panel())
    offline()
    with get_usage_metadata_callback() as replayed:
        run(path, "replay", panel())
    assert paid.usage_metadata
    assert replayed.usage_metadata == paid.usage_metadata


def test_stream(path: Path, provider: Simulator, offline: Callable[[], None]) -> None:
    """A replayed answer streams as one chunk, and the time to its first token is the recorded one."""
    mixture = Mixture.of(["openai:red"], "openai:final")

    def streamed(mode: Mode) -> tuple[list[str], Any]:
        with taping(Tape.open(path, mode=mode)):
            parts = list(create_moa(mixture).stream(ask("Why?"), stream_mode=["messages", "values"]))
        tokens = [part[0].text for kind, part in parts if kind == "messages" and part[0].text]
        return tokens, parts[-1][1]["messages"][-1]

    tokens, recorded = streamed("record")
    offline()
    once, first = streamed("replay")
    twice, second = streamed("replay")
    assert len(tokens) > 1
    assert once == twice == ["".join(tokens)]
    assert first == second
    told = first.response_metadata["moa"]["timing"]["first_token"]
    assert told == pytest.approx(recorded.response_metadata["moa"]["timing"]["first_token"], abs=0.5)


@pytest.mark.parametrize("model", [ChatMoA, create_moa], ids=["chat", "graph"])
def test_doors(model: Any, path: Path, provider: Simulator, offline: Callable[[], None]) -> None:
    """`ChatMoA` and a graph are replayed from each other's tapes."""
    mixture = Mixture.of(["openai:red", "openai:green"], "openai:final")
    recorded = run(path, "record", mixture)["messages"][-1].text
    offline()
    with taping(Tape.open(path, mode="replay")):
        if model is ChatMoA:
            assert ChatMoA(mixture=mixture).invoke("Why?").text == recorded
            assert "".join(chunk.text for chunk in ChatMoA(mixture=mixture).stream("Why?")) == recorded
        else:
            assert create_moa(mixture).invoke(ask("Why?"))["messages"][-1].text == recorded


def test_tool_calls(path: Path, provider: Simulator, offline: Callable[[], None]) -> None:
    """The call of a tool by an aggregator is replayed with its id, and so is what comes after its result."""

    def look_up(word: str) -> str:
        """Look a word up."""
        return f"{word}: known"

    call = {"name": "look_up", "args": {"word": "quorum"}, "id": "call-1"}
    final = ScriptedChatModel(replies=[AIMessage("", tool_calls=[call]), "it is known"])
    mixture = Mixture.of(["openai:red"], final)

    def answered(mode: Mode) -> list[Any]:
        with taping(Tape.open(path, mode=mode)):
            out = create_agent(ChatMoA(mixture=mixture), [look_up]).invoke({"messages": [HumanMessage("Why?")]})
        return [(message.type, message.content, getattr(message, "tool_calls", None)) for message in out["messages"]]

    recorded = answered("record")
    offline()
    assert answered("replay") == recorded
    assert (len(final.requests), recorded[-1][1]) == (2, "it is known")


@both_kinds
def test_equal_questions(path: Path, provider: Simulator, offline: Callable[[], None]) -> None:
    """The same question asked twice gets both of its answers again, in their order."""
    mixture = Mixture.of(["openai:red"], "openai:final")

    def both(mode: Mode) -> list[str]:
        graph = create_moa(mixture)
        with taping(Tape.open(path, mode=mode)):
            return [written(graph.invoke(ask("Why?"))) for _ in range(2)]

    recorded = both("record")
    offline()
    replayed = both("replay")
    assert recorded[0] != recorded[1]
    assert [line.replace('"recorded": true', "") for line in replayed] != replayed
    assert ["number 0" in replayed[0], "number 2" in replayed[1]] == [True, True]


def test_no_limits(path: Path, provider: Simulator, offline: Callable[[], None]) -> None:
    """A replay waits for no place: a limit of one request a minute, spent by the recording, does not hold it up."""
    mixture = Mixture.of(["openai:red"], "openai:final", limits={"openai:red": Limit(requests_per_minute=1)})
    recorded = run(path, "record", mixture)
    offline()
    assert unmarked(run(path, "replay", mixture)) == written(recorded)


def test_budget_counts_replayed_calls(path: Path, provider: Simulator, offline: Callable[[], None]) -> None:
    """A budget leaves out of a replay what it left out of the run."""
    mixture = Mixture.of(["openai:red", "openai:green"], "openai:final", budget=Budget(max_tokens=8000))
    recorded = run(path, "record", mixture)
    offline()
    assert unmarked(run(path, "replay", mixture)) == written(recorded)
    assert [proposal["status"] for proposal in recorded["proposals"]] == ["ok", "skipped"]


class Verdict(BaseModel):
    """What is said, and how sure it is."""

    word: str
    sure: bool


def test_schemas_and_repairs(path: Path) -> None:
    """An answer that did not fit its schema, and the one that was asked for in its place, are replayed in turn."""
    fitting = '{"word": "yes", "sure": true}'
    red = ScriptedChatModel(model_name="red", replies=["no JSON at all", fitting])
    final = ScriptedChatModel(model_name="final", replies=fitting)
    mixture = Mixture.of([red], final, answer_schema=Verdict)
    recorded = run(path, "record", mixture)
    replayed = run(path, "replay", mixture)
    assert unmarked(replayed) == written(recorded)
    assert (replayed["proposals"][0]["attempts"], len(red.requests), len(final.requests)) == (2, 2, 1)


def test_a_nested_mixture_that_is_late(path: Path) -> None:
    """A mixture in a slot that a deadline cut off is cut off in the replay, whatever its own models had said."""
    slow = ScriptedChatModel(model_name="slow", replies="late", delay=30)
    quick = ScriptedChatModel(model_name="quick", replies="quick")
    inner = Mixture.of([quick, slow], quick, name="inner")
    mixture = Mixture([Layer([quick, inner], deadline=0.5)], Aggregator(quick))
    recorded = run(path, "record", mixture)
    replayed = run(path, "replay", mixture)
    assert unmarked(replayed) == written(recorded)
    assert [proposal["status"] for proposal in replayed["proposals"]] == ["ok", "timeout"]


@pytest.mark.parametrize("seat", [ChatMoA, lambda mixture: mixture], ids=["chat", "mixture"])
def test_mixtures_in_a_slot(seat: Callable[..., Any], path: Path, provider: Simulator, offline: Any) -> None:
    """A mixture in a slot, also one that is a chat model, is replayed request by request, and used again so."""
    inner = Mixture.of(["openai:red", "openai:green"], "openai:inner", name="inner")
    model = ChatMoA(mixture=inner) if seat is ChatMoA else inner
    mixture = Mixture.of([Proposer(model, name="one"), Proposer(model, name="two")], "openai:final")
    recorded = run(path, "record", mixture)
    run(path, "reuse", inner)
    assert len(provider.requests) == 7
    offline()
    replayed = run(path, "replay", mixture)
    assert unmarked(replayed) == written(recorded)


async def test_without_a_graph(path: Path, provider: Simulator, offline: Callable[[], None]) -> None:
    """A seat that is called outside of a graph, as a judge is, is recorded and replayed too."""
    judge = Judge(Proposer("openai:judge", temperature=0.0))
    with taping(Tape.open(path, mode="record")):
        recorded = await judge.ask([HumanMessage("Which is better?")])
    offline()
    with taping(Tape.open(path, mode="replay")):
        replayed = await judge.ask([HumanMessage("Which is better?")])
        with pytest.raises(MoAError, match="is not on"):
            await judge.ask([HumanMessage("And now?")])
    assert replayed == recorded
    assert len(provider.requests) == 1


async def test_events_and_traces_of_a_replay(path: Path, provider: Simulator, offline: Callable[[], None]) -> None:
    """Callbacks see the same runs of models, under the same names, in a replay as in the run that was recorded."""

    class Names(AsyncCallbackHandler):
        def __init__(self) -> None:
            self.seen: list[tuple[str, str, int]] = []

        async def on_chat_model_start(self, *_: Any, **told: Any) -> None:
            self.seen.append((told["name"], told["metadata"]["moa_slot"], told["metadata"]["moa_attempt"]))

    async def seen(mode: Mode) -> list[tuple[str, str, int]]:
        names = Names()
        with taping(Tape.open(path, mode=mode)):
            await create_moa(panel()).ainvoke(ask("Why?"), {"callbacks": [names]})
        return sorted(names.seen)

    recorded = await seen("record")
    offline()
    assert await seen("replay") == recorded
    assert len(recorded) == 10
