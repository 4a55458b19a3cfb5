"""Claims about tapes: what is found on them, what never gets there, and who may use them."""

from __future__ import annotations

import pickle
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_moa import (
    AggregatorError,
    ConfigurationError,
    Mixture,
    Proposer,
    QuorumError,
    create_moa,
)
from langgraph_moa.recording import Tape, is_replaying, taping
from langgraph_moa.tape import Address, Clock, Take
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from tests.taping.runs import CANARY, both_kinds, run
from tests.ways import ask, use_simulator


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


def test_crosses_processes(path: Path) -> None:
    """A tape pickles: what comes out is a tape over the same file."""
    tape = Tape.open(path, mode="reuse")
    assert repr(pickle.loads(pickle.dumps(tape))) == repr(tape)  # noqa: S301 - our own


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
        list(pool.map(answer, range(12)))
    assert len(Tape.open(path, mode="replay")) == 24


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


@both_kinds
def test_a_tape_begun_by_many_at_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Those who begin a tape at the same moment, each for itself, all get it, and lose and complain of nothing."""
    together = threading.Barrier(8)

    def begin(place: Path, number: int) -> None:
        together.wait(30)
        tape = Tape.open(place, mode="reuse")
        take = Take(model="m", outcome="nested", clock=Clock(started_at=0.0, elapsed=0.0, waited=0.0))
        tape.keep(Address(str(number), ""), take)
        assert tape.find(Address("none", "")) is None
        tape.close()

    with ThreadPoolExecutor(8) as pool:
        for attempt in range(6):
            place = path.with_stem(f"tape{attempt}")
            list(pool.map(partial(begin, place), range(8)))
            assert len(Tape.open(place, mode="replay")) == 8
    assert caplog.text == ""


@both_kinds
def test_a_tape_where_there_is_no_folder(path: Path) -> None:
    """A tape in a folder that does not exist is refused with its name and what to do."""
    with pytest.raises(ConfigurationError, match=r"missing.* cannot be opened .*name a file in a folder that exists"):
        Tape.open(path.parent / "missing" / path.name, mode="record")


def test_a_replay_writes_nothing(path: Path) -> None:
    """A replay opens a database so that nothing of it can be written, not even its journal."""
    run(path, "record", Mixture.of([ScriptedChatModel()], ScriptedChatModel(model_name="final")))
    before = path.read_bytes()
    tape = Tape.open(path, mode="replay")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        tape.keep(Address("1", ""), Take(model="m", outcome="nested", clock=Clock(started_at=0, elapsed=0, waited=0)))
    tape.close()
    assert path.read_bytes() == before


def test_lines_of_another_shape(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A line whose fields are of other kinds than a request's is passed over, and said so."""
    path = tmp_path / "run.jsonl"
    run(path, "record", Mixture.of([ScriptedChatModel()], ScriptedChatModel(model_name="final")))
    with path.open("a", encoding="utf-8") as file:
        file.write('{"key": "a", "seat": "b", "take": null}\n{"key": ["x"], "seat": "b", "take": {}}\n')
    assert len(Tape.open(path, mode="replay")) == 2
    assert caplog.text.count("is no request, and is passed over") == 2


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
