"""What a recorder hears of real runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import get_llm_cache, set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.graph import END, START, MessagesState, StateGraph

from langgraph_moa import (
    Aggregator,
    AggregatorError,
    ChatMoA,
    ConfigurationError,
    Hedge,
    Layer,
    Mixture,
    PriceTable,
    Proposer,
    QuorumError,
    RunRecord,
    RunRecorder,
    Tape,
    create_advisers,
    create_aggregation,
    create_moa,
    taping,
)
from langgraph_moa.record.run_record import Call, Seat
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from tests.ways import ask, use_simulator

Run = Callable[[Mixture, RunnableConfig], object]


def scripted(name: str, **script: Any) -> ScriptedChatModel:
    """Return a model that says its name, unless the script says otherwise."""
    return ScriptedChatModel(model_name=name, **({"replies": f"{name} says so"} | script))


def mixture_of(*proposers: Proposer, **options: Any) -> Mixture:
    """Return a mixture of one layer."""
    return Mixture([Layer(proposers, **options)], Aggregator(scripted("merge")))


def recorded(mixture: Mixture) -> RunRecord:
    """Return the record of a run."""
    recorder = RunRecorder()
    create_moa(mixture).invoke(ask("Why?"), {"callbacks": [recorder]})
    return recorder.result()


def seats(record: RunRecord) -> dict[str, Seat]:
    """Return the seats of a record by their slots."""
    return {seat.slot: seat for stage in record.stages for seat in stage.seats}


def calls_of(record: RunRecord) -> list[Call]:
    """Return every call of a record."""
    return [call for stage in record.stages for seat in stage.seats for call in seat.calls]


def without_times(record: RunRecord) -> RunRecord:
    """Return the content of a record."""
    stages = [replace(stage, seats=tuple(map(_timeless, stage.seats))) for stage in record.stages]
    return replace(record, started_at=0.0, seconds=None, timing=None, stages=tuple(stages))


def _timeless(seat: Seat) -> Seat:
    calls = tuple(replace(call, started=None, first_token=None, finished=None) for call in seat.calls)
    return replace(seat, started=None, first_token=None, finished=None, calls=calls)


def invoke(mixture: Mixture, config: RunnableConfig) -> object:
    """Call the graph."""
    return create_moa(mixture).invoke(ask("Why?"), config)


def ainvoke(mixture: Mixture, config: RunnableConfig) -> object:
    """Await the graph."""
    return asyncio.run(create_moa(mixture).ainvoke(ask("Why?"), config))


def stream(mixture: Mixture, config: RunnableConfig) -> object:
    """Read the answer's tokens from the graph."""
    return list(create_moa(mixture).stream(ask("Why?"), config, stream_mode="messages"))


def astream(mixture: Mixture, config: RunnableConfig) -> object:
    """Read everything from the graph as it comes."""

    async def read() -> list[object]:
        parts = create_moa(mixture).astream(ask("Why?"), config, stream_mode=["custom", "messages", "values"])
        return [part async for part in parts]

    return asyncio.run(read())


def chat(mixture: Mixture, config: RunnableConfig) -> object:
    """Call the chat model."""
    return ChatMoA(mixture=mixture).invoke("Why?", config)


def chat_stream(mixture: Mixture, config: RunnableConfig) -> object:
    """Read the tokens of the chat model."""
    return list(ChatMoA(mixture=mixture).stream("Why?", config))


def in_a_parent(mixture: Mixture, config: RunnableConfig) -> object:
    """Call a graph that the mixture is a node of."""
    builder = StateGraph(MessagesState)
    builder.add_node("panel", create_moa(mixture))
    builder.add_edge(START, "panel")
    builder.add_edge("panel", END)
    return builder.compile().invoke({"messages": [HumanMessage("Why?")]}, config)


WAYS = [invoke, ainvoke, stream, astream, chat, chat_stream, in_a_parent]


@pytest.fixture
def provider(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Make every `openai:` model the simulator's, one of which fails for good, and one at first."""
    use_simulator(simulator, monkeypatch)
    simulator.models |= {
        "gone": Behaviour(status=404, reply="no such model, key sk-abcdefghijklmnop"),
        "spare": Behaviour(reply="the spare says so"),
    }
    return simulator


def test_the_record_is_the_same_in_every_way(provider: Simulator) -> None:
    """However a run is called, its record has the same content: failures, fallbacks and nested mixtures included."""
    inner = Mixture.of(["openai:small"], "openai:large")
    proposers: list[Any] = [
        Proposer("openai:gone", fallbacks=["openai:spare"]),
        Proposer(inner, name="inner"),
        "openai:gone",
    ]
    mixture = Mixture([Layer(proposers), Layer(["openai:small"])], Aggregator("openai:large"))

    def record_of(way: Run) -> RunRecord:
        recorder = RunRecorder()
        way(mixture, {"callbacks": [recorder]})
        return without_times(recorder.result())

    first, *others = [record_of(way) for way in WAYS]
    assert len(first.stages) == 3
    assert first.degraded
    for way, other in zip(WAYS[1:], others, strict=True):
        assert other == first, way.__name__


def test_first_tokens_are_known_where_they_stream(provider: Simulator) -> None:
    """A stream tells when the answer's first token came, within its call; `invoke` does not, nor streams."""
    mixture = Mixture.of(["openai:small"], "openai:large")
    for way, streams in ((invoke, False), (stream, True)):
        recorder = RunRecorder()
        way(mixture, {"callbacks": [recorder]})
        seat = seats(recorder.result())["aggregator"]
        (call,) = seat.calls
        assert [bool(request.body.get("stream")) for request in provider.requests[-2:]] == [False, streams]
        if streams:
            moments = [call.started or 0.0, call.first_token or 0.0, call.finished or 0.0]
            assert moments == sorted(moments)
            assert call.first_token == seat.first_token is not None
        else:
            assert call.first_token is seat.first_token is None


def test_a_plain_run_is_told_whole() -> None:
    """A record says who was asked what, when, what each said, what it took, and what came of it."""
    usage: Any = {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}
    record = recorded(mixture_of(Proposer(scripted("a", usage=usage), name="a"), Proposer(scripted("b"), name="b")))
    assert [(said.role, said.text) for said in record.messages] == [("user", "Why?")]
    assert (record.mixture, record.answer, record.error, record.degraded) == ("moa", "merge says so", None, False)
    assert [(stage.title, stage.layer) for stage in record.stages] == [("layer 1", 1), ("aggregator", None)]
    seat = seats(record)["a"]
    assert (seat.status, seat.text, seat.attempts, seat.served_model) == ("ok", "a says so", 1, "a")
    assert record.usage is not None
    assert seat.usage is not None
    assert (seat.usage["total_tokens"], record.usage["total_tokens"]) == (8, 8)
    assert record.cost is not None
    assert (record.cost["total"], seat.cost) == (None, None)
    (call,) = seats(record)["aggregator"].calls
    assert "a says so" in call.saw[-1].text
    assert (call.said, call.outcome, call.attempt) == ("merge says so", "ok", 1)


def test_times_are_in_order() -> None:
    """Every call lies within its seat, every seat within the run, and the aggregator behind the proposers."""
    record = recorded(mixture_of(Proposer(scripted("a", delay=0.01), name="a"), Proposer(scripted("b"), name="b")))
    for seat in seats(record).values():
        (call,) = seat.calls
        moments = [0.0, seat.started, call.started, call.finished, seat.finished, record.seconds]
        assert moments == sorted(moments, key=lambda moment: moment or 0.0)
    ends = [seat.finished or 0.0 for seat in record.stages[0].seats]
    assert max(ends) <= (record.stages[1].seats[0].started or 0.0)


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
    quick, slow = Proposer(scripted("q"), name="q"), Proposer(scripted("slow", delay=5.0), name="slow")
    record = recorded(mixture_of(quick, slow, quorum=1, grace=0.0))
    seat = seats(record)["slow"]
    assert seat.error is not None
    assert (seat.status, seat.error["kind"], seat.text) == ("cancelled", "QuorumReached", "")
    assert [call.outcome for call in seat.calls] == ["cancelled"]
    assert record.degraded
    assert [gone["proposer"] for gone in record.missing] == ["slow"]


def test_a_run_without_quorum_has_every_proposal() -> None:
    """A failed run is recorded with its error, every proposal, what those took, and no answer."""
    usage: Any = {"input_tokens": 1_000_000, "output_tokens": 0, "total_tokens": 1_000_000}
    priced = ScriptedChatModel(model_name="p", usage=usage)
    mixture = mixture_of(
        Proposer(priced, name="good"), Proposer(scripted("bad", replies=ValueError("no")), name="bad"), quorum=2
    )
    price = {"scriptedchatmodel:p": {"input": 2.0, "output": 1.0}}
    prices = PriceTable.from_dict({"date": "2026-01-01", "source": "a test", "models": price})
    recorder = RunRecorder(prices)
    with pytest.raises(QuorumError):
        create_moa(mixture).invoke(ask("Why?"), {"callbacks": [recorder]})
    record = recorder.result()
    assert record.error is not None
    assert record.error["kind"] == "QuorumError"
    assert (record.answer, record.degraded, record.timing) == (None, None, None)
    assert {slot: seat.status for slot, seat in seats(record).items()} == {"good": "ok", "bad": "error"}
    assert seats(record)["good"].cost == 2.0
    assert record.cost is not None
    assert record.cost["total"] == 2.0
    assert record.seconds is not None


def test_an_aggregator_that_fails_is_a_seat() -> None:
    """Where the aggregator fails, its seat says why and when it ended, and its cost counts as unknown."""
    mixture = Mixture([Layer([Proposer(scripted("a"), name="a")])], Aggregator(scripted("m", replies=ValueError("no"))))
    recorder = RunRecorder()
    with pytest.raises(AggregatorError):
        create_moa(mixture).invoke(ask("Why?"), {"callbacks": [recorder]})
    seat = seats(recorder.result())["aggregator"]
    assert seat.error is not None
    assert seat.finished is not None
    assert (seat.status, [call.error for call in seat.calls]) == ("error", ["ValueError: no"])
    assert recorder.result().cost == {
        "total": None,
        "unpriced": ["scriptedchatmodel:a", "scriptedchatmodel:m"],
        "prices_date": recorder.result().cost["prices_date"],  # type: ignore[index]
    }


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


def test_an_own_aggregator_of_a_layer_is_a_seat() -> None:
    """The join of a layer that synthesises stands behind its proposers, with its text and its times."""
    layer = Layer([Proposer(scripted("a"), name="a")], aggregator=Aggregator(scripted("j")))
    record = recorded(Mixture([layer], Aggregator(scripted("m"))))
    assert [seat.slot for seat in record.stages[0].seats] == ["a", "join"]
    join = seats(record)["join"]
    assert (join.text, join.status, join.layer, len(join.calls)) == ("j says so", "ok", 1, 1)
    assert join.started is not None
    assert join.finished is not None


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


def test_advisers_and_aggregations_are_runs() -> None:
    """Layers alone give a record without an answer; an aggregator alone gives one with the old proposals."""
    mixture = mixture_of(Proposer(scripted("a"), name="a"))
    recorder = RunRecorder()
    create_advisers(mixture).invoke(ask("Why?"), {"callbacks": [recorder]})
    advice = recorder.result()
    assert (advice.answer, advice.degraded, advice.error) == (None, False, None)
    out = create_moa(mixture).invoke(ask("Why?"))
    again = {"messages": out["messages"][:-1], "proposals": out["proposals"]}
    create_aggregation(mixture).invoke(again, {"callbacks": [recorder]})
    assert seats(recorder.result())["a"].text == "a says so"
    assert seats(recorder.result())["a"].started is None
    assert recorder.result().answer == "merge says so"


def test_every_run_has_a_record_in_its_order() -> None:
    """A recorder of several runs gives each, also of those side by side in threads, and none has another's calls."""
    graph = create_moa(mixture_of(Proposer(scripted("a", replies=lambda request: f"of {request[-1].text}"), name="a")))
    recorder = RunRecorder()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: graph.invoke(ask(f"question {n}"), {"callbacks": [recorder]}), range(8)))
    records = recorder.results()
    assert sorted(record.messages[0].text for record in records) == [f"question {n}" for n in range(8)]
    for record in records:
        assert [call.said for call in seats(record)["a"].calls] == [f"of {record.messages[0].text}"]
    assert [record.started_at for record in records] == sorted(record.started_at for record in records)
    recorder.clear()
    assert recorder.results() == ()


def test_a_run_can_be_shown_before_it_ends() -> None:
    """A record that is made meanwhile has what is known: calls under way are open, and nothing is called missing."""
    recorder = RunRecorder()
    seen: list[RunRecord] = []

    def look(_: object) -> str:
        seen.append(recorder.result())
        return "looked"

    graph = create_moa(mixture_of(Proposer(scripted("m", replies=look), name="watcher")))
    graph.invoke(ask("Why?"), {"callbacks": [recorder]})
    (record,) = seen
    (call,) = seats(record)["watcher"].calls
    assert (record.seconds, record.answer, record.missing, call.outcome) == (None, None, (), None)
    assert record.to_html()
    assert record.to_markdown()


def test_nothing_is_kept_of_other_runs() -> None:
    """A chain without a mixture leaves nothing behind, and asking for its record says what to do."""
    recorder = RunRecorder()
    chain: Runnable[Any, AIMessage] = RunnableLambda(lambda _: [HumanMessage("Why?")]) | scripted("a")
    chain.invoke(None, {"callbacks": [recorder]})
    assert recorder._runs == {}
    with pytest.raises(ConfigurationError, match="has heard no run of a mixture"):
        recorder.result()


def test_what_only_says_half_a_character_is_shown() -> None:
    """Half a character in a question, an answer or an error becomes one that every encoder takes."""
    broken = scripted("a", replies=["x\ud800y"])
    recorder = RunRecorder()
    mixture = mixture_of(Proposer(broken, name="a"), Proposer(scripted("b", replies=ValueError("\udc00")), name="b"))
    create_moa(mixture).invoke(ask("W\ud83dhy?"), {"callbacks": [recorder]})
    record = recorder.result()
    assert RunRecord.from_json(record.to_json()) == record
    for text in (record.to_html(), record.to_json(), record.to_markdown()):
        assert text.encode()


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


def test_thirteen_calls_are_not_slowed() -> None:
    """The paper's thirteen calls take at most thrice as long with a recorder as without, all told at their best."""
    names = [f"p{number}" for number in range(6)]
    layers = [Layer([Proposer(scripted(name), name=name) for name in names]) for _ in range(2)]
    graph = create_moa(Mixture(layers, Aggregator(scripted("m"))))
    recorder = RunRecorder()

    def seconds(config: RunnableConfig) -> float:
        return min(_timed(lambda: graph.invoke(ask("Why?"), config)) for _ in range(5))

    assert seconds({"callbacks": [recorder]}) < 3 * seconds({}) + 0.02
    assert len(calls_of(recorder.result())) == 13


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
