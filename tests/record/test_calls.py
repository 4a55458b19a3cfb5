"""The calls of a record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import get_llm_cache, set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from langgraph_moa import (
    Aggregator,
    ChatMoA,
    Hedge,
    Layer,
    Mixture,
    Proposer,
    RunRecorder,
    Tape,
    create_moa,
    taping,
)
from tests.record.runs import answering_after, calls_of, mixture_of, recorded, scripted, seats, without_times
from tests.ways import ask


def test_retries_and_fallbacks_are_calls_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is made again, and one of a fallback, stand behind the one that failed, with why it did."""
    monkeypatch.setattr("langgraph_moa.retrying.FIRST_PAUSE", 0.001)
    bad = scripted("bad", failures=[TimeoutError("slow"), ValueError("key sk-abcdefghijklmnop")])
    seat = seats(recorded(mixture_of(Proposer(bad, name="s", fallbacks=[scripted("spare")]))))["s"]
    assert [(call.outcome, call.attempt, call.fallback) for call in seat.calls] == [
        ("error", 1, 0),
        ("error", 2, 0),
        ("ok", 3, 1),
    ]
    assert seat.calls[0].error == "TimeoutError: slow"
    assert seat.calls[1].error == "ValueError: key **********"
    assert (seat.attempts, seat.status, seat.calls[-1].said) == (3, "ok", "spare says so")


def test_a_hedge_is_marked() -> None:
    """Of two calls side by side, the second is marked as a hedge, and the one that lost as cancelled."""
    slow = Proposer(
        scripted("slow", delay=5.0), name="s", hedge=Hedge(after=0.02, most=1.0), fallbacks=[scripted("quick")]
    )
    calls = seats(recorded(mixture_of(slow)))["s"].calls
    assert [(call.hedge, call.outcome) for call in calls] == [(False, "cancelled"), (True, "ok")]


def test_stragglers_are_cancelled() -> None:
    """A call that the layer went on without ended when it was cancelled, and its seat says why."""
    slow = scripted("slow", delay=5.0)
    record = recorded(mixture_of(answering_after(slow, "q"), Proposer(slow, name="slow"), quorum=1, grace=0.0))
    seat = seats(record)["slow"]
    assert seat.error is not None
    assert (seat.status, seat.error["kind"], seat.text) == ("cancelled", "QuorumReached", "")
    assert [call.outcome for call in seat.calls] == ["cancelled"]
    assert record.degraded
    assert [gone["proposer"] for gone in record.missing] == ["slow"]


def test_a_function_is_a_call() -> None:
    """A slot that is a function tells what it was given and gave, as a model does."""
    function = Proposer(RunnableLambda(lambda _: AIMessage("made by a function")), name="f")
    (call,) = seats(recorded(mixture_of(function)))["f"].calls
    assert (call.model, call.said, call.saw[-1].text) == ("RunnableLambda", "made by a function", "Why?")


def test_a_slot_that_tells_nothing_has_its_requests() -> None:
    """Of a Runnable that tells callbacks nothing, a record has what its proposal knows, and no time or request."""

    class Mute(Runnable[Any, Any]):
        def invoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> AIMessage:
            return AIMessage("hm")

    (call,) = seats(recorded(mixture_of(Proposer(Mute(), name="mute"))))["mute"].calls
    assert (call.model, call.outcome, call.said, call.started, call.saw) == ("Mute", "ok", "hm", None, ())


def test_calls_within_a_nested_mixture_say_where() -> None:
    """The calls of a mixture that sits in a slot are that seat's, each with its place; it has no record of its own."""
    inner = Mixture([Layer([Proposer(scripted("deep"), name="deep")])], Aggregator(scripted("m")), name="inner")
    recorder = RunRecorder()
    create_moa(mixture_of(Proposer(inner, name="n"))).invoke(ask("Why?"), {"callbacks": [recorder]})
    (record,) = recorder.results()
    assert [call.within for call in seats(record)["n"].calls] == ["inner: layer 1, deep", "inner: aggregator"]


def test_a_chat_model_that_is_a_mixture_is_no_call_of_its_own() -> None:
    """A `ChatMoA` in a slot counts with the calls below it alone."""
    inner = ChatMoA(mixture=Mixture([Layer([Proposer(scripted("deep"), name="deep")])], Aggregator(scripted("m"))))
    assert len(seats(recorded(mixture_of(Proposer(inner, name="n"))))["n"].calls) == 2


@pytest.fixture
def caching() -> Iterator[None]:
    """Have LangChain keep answers."""
    before = get_llm_cache()
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(before)


def test_cached_answers_are_calls(caching: None) -> None:
    """What comes from LangChain's cache is recorded as a call, and costs nothing."""
    mixture = mixture_of(Proposer(scripted("a"), name="a"))
    first, cached = recorded(mixture), recorded(mixture)
    assert [call.said for call in calls_of(cached)] == [call.said for call in calls_of(first)]
    assert cached.cost is not None
    assert cached.cost["total"] == 0.0


def test_replayed_answers_are_calls(tmp_path: Path) -> None:
    """A replay has the record of the run that its tape has heard."""
    mixture = mixture_of(Proposer(scripted("a"), name="a"), Proposer(scripted("b", replies=ValueError("no")), name="b"))
    with taping(Tape.open(tmp_path / "tape.jsonl")):
        taped = recorded(mixture)
    with taping(Tape.open(tmp_path / "tape.jsonl", mode="replay")):
        replayed = recorded(mixture)
    assert without_times(replayed) == without_times(taped)


def test_tool_calls_and_images_are_told_in_words() -> None:
    """A message that calls a tool, or holds an image, is told as text."""
    calling = AIMessage("", tool_calls=[{"name": "search", "args": {"q": "pumps"}, "id": "1"}])
    picture = HumanMessage([{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "x"}}])
    recorder = RunRecorder()
    model = scripted("a", replies=[calling])
    create_moa(mixture_of(Proposer(model, name="a"), Proposer(scripted("b"), name="b"))).invoke(
        {"messages": [picture]}, {"callbacks": [recorder]}
    )
    (call,) = seats(recorder.result())["a"].calls
    assert call.said == '[calls search({"q": "pumps"})]'
    assert recorder.result().messages[0].text == "What is it?\n[image_url]"
