"""What a recorder hears of real runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from pydantic import SecretStr

from langgraph_moa import (
    Aggregator,
    ChatMoA,
    ConfigurationError,
    Layer,
    Mixture,
    Proposer,
    QuorumError,
    RunRecord,
    RunRecorder,
    create_moa,
)
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from tests.record.runs import calls_of, mixture_of, scripted, seats, without_times
from tests.ways import ask, use_simulator

Run = Callable[[Mixture, RunnableConfig], object]


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


def test_no_key_gets_into_a_record(simulator: Simulator) -> None:
    """A key that a provider repeats in its error is in no form of a record, whatever the key looks like."""
    key = "gateway-word-1234"
    simulator.models["small"] = Behaviour(status=400, reply=f"the key {key} is not known here")
    model = ChatOpenAI(model="small", api_key=SecretStr(key), base_url=simulator.url)
    recorder = RunRecorder()
    with pytest.raises(QuorumError):
        create_moa(mixture_of(Proposer(model, name="s"))).invoke(ask("Why?"), {"callbacks": [recorder]})
    record = recorder.result()
    assert "is not known here" in record.to_json()
    for text in (record.to_json(), record.to_html(), record.to_markdown()):
        assert key not in text


def test_a_key_that_a_model_writes_is_masked(simulator: Simulator) -> None:
    """A key that one model holds is in no form of a record, whichever model writes it, while others' words stay."""
    key, placeholder = "gateway-word-1234", "ollama"
    simulator.models |= {
        "small": Behaviour(reply=f"{placeholder} is told, and so is {key}"),
        "sum": Behaviour(reply=lambda body: f"all say: {body['messages']}"),
    }
    small = ChatOpenAI(model="small", api_key=SecretStr(key), base_url=simulator.url)
    other = ChatOpenAI(model="sum", api_key=SecretStr(placeholder), base_url=simulator.url)
    recorder = RunRecorder()
    graph = create_moa(Mixture([Layer([Proposer(small, name="s")])], Aggregator(other)))
    answer = graph.invoke(ask(f"What is {key}?"), {"callbacks": [recorder]})["messages"][-1]
    record = recorder.result()
    assert key in answer.text
    assert record.stages[0].seats[0].text == f"{placeholder} is told, and so is **********"
    for text in (record.to_json(), record.to_html(), record.to_markdown()):
        assert key not in text


def test_a_key_of_a_model_that_is_not_asked_is_masked(simulator: Simulator) -> None:
    """A key that stands in the question is masked also where the model that holds it is never asked."""
    key = "hunterTwoSecretPass"
    simulator.models["small"] = Behaviour(status=400, reply="no")
    small = ChatOpenAI(model="small", api_key=SecretStr("another-key-9"), base_url=simulator.url)
    last = ChatOpenAI(model="sum", api_key=SecretStr(key), base_url=simulator.url)
    recorder = RunRecorder()
    graph = create_moa(Mixture([Layer([Proposer(small, name="s")])], Aggregator(last)))
    with pytest.raises(QuorumError):
        graph.invoke(ask(f"What is {key}?"), {"callbacks": [recorder]})
    assert recorder.result().messages[-1].text == "What is **********?"
    assert recorder.masked(f"{key} or another-key-9") == "********** or **********"


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


def test_what_a_tool_asks_belongs_to_the_run_that_calls_it() -> None:
    """A mixture that is asked in a tool of an agent in a slot is part of that slot, and no run of its own."""
    inner = create_moa(
        Mixture.of([ScriptedChatModel(replies="inner says")], ScriptedChatModel(replies="inner merges"), name="inner")
    )

    @tool
    def consult(question: str) -> str:
        """Ask a panel."""
        return str(inner.invoke({"messages": [("user", question)]})["messages"][-1].text)

    asks = AIMessage("", tool_calls=[{"name": "consult", "args": {"question": "x"}, "id": "1"}])
    agent = create_agent(ScriptedChatModel(replies=[asks, AIMessage("agent says")]), [consult])
    outer = Mixture.of([Proposer(agent, name="agent")], ScriptedChatModel(replies="outer merges"), name="outer")
    recorder = RunRecorder()
    create_moa(outer).invoke({"messages": [("user", "Why?")]}, {"callbacks": [recorder]})
    assert [record.mixture for record in recorder.results()] == ["outer"]
    assert [call.said for call in recorder.result().stages[0].seats[0].calls][1:] == [
        "inner says",
        "inner merges",
        "agent says",
    ]
