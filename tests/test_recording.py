"""Claims about runs that are recorded, and replayed without a provider."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_moa import (
    Aggregator,
    AggregatorError,
    Budget,
    ChatMoA,
    ConfigurationError,
    Layer,
    Limit,
    MissingKeyError,
    Mixture,
    Proposer,
    QuorumError,
    create_moa,
)
from langgraph_moa.recording import Mode, Tape, is_replaying, taping
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from tests.ways import ask, use_simulator

Output = dict[str, Any]
CANARY = "sk-canary-5f1e0c77d9"
USAGE = UsageMetadata(input_tokens=7, output_tokens=3, total_tokens=10)


@pytest.fixture
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return where a tape may be; it is a database unless a test says otherwise."""
    return tmp_path / f"run.{getattr(request, 'param', 'sqlite')}"


both_kinds = pytest.mark.parametrize("path", ["sqlite", "jsonl"], indirect=True)


@pytest.fixture
def provider(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Let every model of OpenAI give an answer that it gives once."""
    use_simulator(simulator, monkeypatch)
    numbers = iter(range(10_000))
    simulator.behaviour = Behaviour(reply=lambda body: f"{body['model']} says number {next(numbers)}")
    return simulator


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what takes key and address away."""

    def leave() -> None:
        monkeypatch.delenv("OPENAI_API_KEY")
        monkeypatch.delenv("OPENAI_BASE_URL")

    return leave


def run(path: Path, mode: Mode, mixture: Mixture, question: str = "Why?") -> Output:
    """Run a mixture once, with a tape."""
    with taping(Tape.open(path, mode=mode)):
        return create_moa(mixture).invoke(ask(question))


def written(output: Output) -> str:
    """Return all that a run gave, byte for byte."""
    answer = output["messages"][-1]
    return json.dumps([output["proposals"], answer.model_dump()])


def unmarked(output: Output) -> str:
    """Return all that a run gave, without the marks that say which requests a tape has answered."""
    proposals = [
        {**proposal, "calls": [{k: v for k, v in call.items() if k != "recorded"} for call in proposal["calls"]]}
        for proposal in output["proposals"]
    ]
    return written({**output, "proposals": proposals})


def panel() -> Mixture:
    """Return a mixture with everything that asks: two layers, draws, an aggregator of a layer, a nested mixture."""
    inner = Mixture.of(["openai:red", "openai:green"], "openai:inner", name="inner")
    first = Layer(["openai:red", Proposer("openai:blue", samples=2), inner], aggregator=Aggregator("openai:join"))
    return Mixture([first, Layer(["openai:red", "openai:green"])], Aggregator("openai:final"))


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


@both_kinds
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


@both_kinds
def test_reuse(path: Path, provider: Simulator) -> None:
    """What is on a tape is not asked again, also for another mixture and seat; only what is missing is."""
    small = Mixture.of(["openai:red", "openai:green"], "openai:final")
    run(path, "reuse", small)
    assert len(provider.requests) == 3
    again = run(path, "reuse", small)
    assert len(provider.requests) == 3
    assert all(call["recorded"] for proposal in again["proposals"] for call in proposal["calls"])
    more = Mixture.of([Proposer("openai:green", name="verdant"), "openai:blue"], "openai:final")
    output = run(path, "reuse", more)
    assert [request.model for request in provider.requests[3:]] == ["blue", "final"]
    marks = [call.get("recorded") for proposal in output["proposals"] for call in proposal["calls"]]
    assert marks == [True, None]


def test_reuse_asks_again_after_a_failure(path: Path) -> None:
    """A failure on a tape is no answer: `reuse` asks again, and a `replay` of the first run fails as it did."""
    model = ScriptedChatModel(replies=[ValueError("no"), "yes"])
    mixture = Mixture.of([model, ScriptedChatModel(model_name="other")], ScriptedChatModel(model_name="final"))
    first, second = run(path, "record", mixture), run(path, "reuse", mixture)
    assert [output["proposals"][0]["status"] for output in (first, second)] == ["error", "ok"]
    assert run(path, "reuse", mixture)["proposals"][0]["text"] == "yes"
    assert run(path, "replay", mixture)["proposals"][0]["status"] == "error"
    assert len(model.requests) == 2


@both_kinds
def test_what_is_not_recorded(path: Path, provider: Simulator, offline: Callable[[], None]) -> None:
    """A request that is not on the tape is an error that names the model, the seat, the tape and the key."""
    mixture = Mixture.of(["openai:red"], "openai:final")
    run(path, "record", mixture)
    offline()
    with pytest.raises(QuorumError) as caught:
        run(path, "replay", mixture, "Another question?")
    failure = caught.value.proposals[0]["error"]
    assert failure is not None
    assert failure["kind"] == "NotRecorded"
    assert all(word in failure["message"] for word in ("openai:red", "layer_1_red", str(path), "holds 1 of this model"))
    with pytest.raises(AggregatorError, match="NotRecorded"):
        run(path, "replay", mixture.swap({"aggregator": "openai:other"}))


@pytest.mark.parametrize(
    "change",
    [
        lambda seat: Proposer(seat.model, temperature=0.5),
        lambda seat: Proposer(seat.model, max_tokens=5),
        lambda seat: Proposer(seat.model, system_prompt="Be brief."),
        lambda seat: Proposer(seat.model, model_kwargs={"top_p": 0.1}),
    ],
)
def test_parameters_count(change: Callable[[Proposer], Proposer], path: Path, provider: Simulator) -> None:
    """Another temperature, length, system prompt or argument makes another request."""
    seat = Proposer("openai:red", name="red")
    run(path, "reuse", Mixture.of([seat], "openai:final"))
    run(path, "reuse", Mixture.of([change(seat)], "openai:final"))
    assert [request.model for request in provider.requests].count("red") == 2


@both_kinds
def test_secrets(path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the environment, a seat, a header or an object gets on a tape, not even where its model repeats it."""
    use_simulator(simulator, monkeypatch)
    monkeypatch.setenv("OPENAI_API_KEY", f"{CANARY}-red")
    simulator.behaviour = Behaviour(reply=lambda body: f"My key is {CANARY}-{body['model']}")
    held = ChatOpenAI(
        model="held",
        api_key=SecretStr(f"{CANARY}-held"),
        base_url=simulator.url,
        default_headers={"x-account": f"{CANARY}-header"},
        include_response_headers=True,
    )
    keyed = {"api_key": f"{CANARY}-keyed", "default_headers": {"x-account": f"{CANARY}-header"}}
    failing = ScriptedChatModel(replies=[ValueError(f"refused: Bearer {CANARY}-bearer")])
    proposers: list[Any] = ["openai:red", held, failing, Proposer("openai:keyed", model_kwargs=keyed)]
    run(path, "record", Mixture.of(proposers, ScriptedChatModel(model_name="final")))
    files = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert files.count(b"My key is **********") == 3
    assert CANARY.encode() not in files


def test_another_key_is_the_same_request(path: Path, provider: Simulator) -> None:
    """A key, a header and a retry count are no part of a request: with others, a recorded one is found."""
    first = Proposer("openai:red", name="red", model_kwargs={"api_key": "one-key", "default_headers": {"x": "1"}})
    second = Proposer("openai:red", name="red", model_kwargs={"api_key": "another-key"})
    run(path, "reuse", Mixture.of([first], "openai:final"))
    run(path, "reuse", Mixture.of([second], "openai:final"))
    assert len(provider.requests) == 2


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


@both_kinds
def test_another_version(path: Path) -> None:
    """A tape of another format version is refused, with both versions."""
    Tape.open(path, mode="record").close()
    if path.suffix == ".jsonl":
        path.write_text(path.read_text().replace('"version": 1', '"version": 9'))
    else:
        import sqlite3

        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE header SET version = 9")
        connection.close()
    with pytest.raises(ConfigurationError, match=r"format version 9, and .* reads version 1"):
        Tape.open(path, mode="reuse")


def test_bad_names(tmp_path: Path) -> None:
    """Another ending, another mode, a missing tape and a file that is no tape are refused by name."""
    with pytest.raises(ConfigurationError, match=r"\.sqlite, \.db, \.jsonl; got .*run\.txt"):
        Tape.open(tmp_path / "run.txt", mode="record")
    with pytest.raises(ConfigurationError, match="must be one of 'record', 'reuse', 'replay'; got 'rewind'"):
        Tape.open(tmp_path / "run.sqlite", mode="rewind")  # type: ignore[arg-type]
    for ending in ("sqlite", "jsonl"):
        with pytest.raises(ConfigurationError, match="there is no tape"):
            Tape.open(tmp_path / f"none.{ending}", mode="replay")
        (tmp_path / f"text.{ending}").write_text("a few words, " * 100)
        with pytest.raises(ConfigurationError, match="is no tape"):
            Tape.open(tmp_path / f"text.{ending}", mode="reuse")


def test_a_torn_line(tmp_path: Path, provider: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    """A line that a killed process has left half written is passed over with a warning, and the tape goes on."""
    path = tmp_path / "run.jsonl"
    mixture = Mixture.of(["openai:red"], "openai:final")
    run(path, "record", mixture)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"key": "half a li')
    run(path, "reuse", mixture, "Another?")
    assert len(Tape.open(path, mode="replay")) == 4
    assert "is no request, and is passed over" in caplog.text


@both_kinds
def test_threads_share_a_tape(path: Path) -> None:
    """Threads that record over one tape lose nothing."""
    mixture = Mixture.of([ScriptedChatModel()], ScriptedChatModel(model_name="final"))
    tape, graph = Tape.open(path, mode="record"), create_moa(mixture)

    def answer(number: int) -> None:
        with taping(tape):
            graph.invoke(ask(f"question {number}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(answer, range(24)))
    assert len(Tape.open(path, mode="replay")) == 48


@both_kinds
def test_processes_share_a_tape(path: Path) -> None:
    """Processes that record at the same time lose nothing."""
    code = (
        "import sys; from langgraph_moa.tape import Address\n"
        "from langgraph_moa.recording import Tape\n"
        "tape = Tape.open(sys.argv[1], mode='record')\n"
        "clock = {'started_at': 0.0, 'elapsed': 0.0, 'waited': 0.0}\n"
        "for n in range(200): tape.keep(Address(str(n), ''), {'model': 'm', 'outcome': 'nested', 'clock': clock})"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    assert len(Tape.open(path, mode="replay")) == 400


def test_only_the_block(path: Path) -> None:
    """Nothing is recorded after the block, nor in a `taping(None)` within it, nor in a thread that was not told."""
    graph = create_moa(Mixture.of([ScriptedChatModel()], ScriptedChatModel(model_name="final")))
    tape = Tape.open(path, mode="record")
    with taping(tape):
        with taping(None):
            graph.invoke(ask("one"))
        thread = threading.Thread(target=graph.invoke, args=(ask("two"),))
        thread.start()
        thread.join()
    graph.invoke(ask("three"))
    assert not is_replaying()
    assert len(tape) == 0
    tape.close()
