"""Claims about models named by strings, with the providers' real clients over loopback HTTP."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableBranch, RunnableParallel, RunnablePassthrough
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite import SqliteSaver
from pydantic import SecretStr

from langgraph_moa import (
    MissingKeyError,
    Mixture,
    Proposer,
    clients,
    create_moa,
    load_preset,
)
from langgraph_moa.models import ReadyModel
from langgraph_moa.prompts import split_references
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator

QUESTION = {"messages": [HumanMessage("why?")]}
CANARY = "sk-canary-0123456789abcdef"


def at(simulator: Simulator, provider: str, *models: str) -> list[Proposer]:
    """Return proposers that ask a simulator."""
    options = {"base_url": simulator.url, "api_key": CANARY}
    return [Proposer(f"{provider}:{model}", model_kwargs=options) for model in models]


@pytest.mark.parametrize("provider", ["openai", "together"])
def test_answers_come_from_the_real_client(simulator: Simulator, provider: str) -> None:
    """A string makes a provider's own client, whose requests arrive with the key, the model and the references."""
    simulator.models |= {
        "a": Behaviour(reply="from a"),
        "b": Behaviour(reply="from b"),
        "c": Behaviour(reply="the end"),
    }
    [aggregator] = at(simulator, provider, "c")
    mixture = Mixture.of(at(simulator, provider, "a", "b"), aggregator.model, depth=2).map_seats(
        lambda seat: type(seat)(seat.model, model_kwargs=aggregator.model_kwargs)
    )
    out = create_moa(mixture).invoke(QUESTION)
    assert out["messages"][-1].content == "the end"
    assert [proposal["served_model"] for proposal in out["proposals"]] == ["a", "b"]
    assert {request.body["model"] for request in simulator.requests} == {"a", "b", "c"}
    assert {request.authorization for request in simulator.requests} == {f"Bearer {CANARY}"}
    last = next(request for request in simulator.requests if request.body["model"] == "c")
    content = last.body["messages"][-1]["content"]
    assert split_references([HumanMessage(content)]).references == ("from a", "from b")
    assert "temperature" not in last.body


def test_preset_against_one_endpoint(simulator: Simulator) -> None:
    """A preset runs against any OpenAI-compatible server, with its 13 calls and its parameters, and reports tokens."""
    graph = create_moa(load_preset("together-moa", base_url=simulator.url, api_key=CANARY))
    out = graph.invoke(QUESTION)
    assert len(simulator.requests) == 13
    assert {request.body["temperature"] for request in simulator.requests} == {0.7}
    assert {
        request.body.get("max_tokens", request.body.get("max_completion_tokens")) for request in simulator.requests
    } == {2048}
    summary = out["messages"][-1].response_metadata["moa"]
    assert summary["usage"]["unknown"] == []
    assert summary["cost"]["unpriced"] == ["together:microsoft/WizardLM-2-8x22B"]


def test_streamed_answer_reports_tokens(simulator: Simulator) -> None:
    """The aggregator streams from a server of one's own and its tokens are still counted; proposers do not stream."""
    graph = create_moa(load_preset("local", base_url=simulator.url))
    simulator.behaviour = Behaviour(reply="one two three")
    parts = list(graph.stream(QUESTION, stream_mode=["messages", "values"]))
    assert [chunk.content for mode, (chunk, _) in _messages(parts) if mode and chunk.content] == [
        "one",
        " two",
        " three",
    ]
    streamed = [bool(request.body.get("stream")) for request in simulator.requests]
    assert streamed == [False, False, False, True]
    final = parts[-1][1]["messages"][-1]
    assert final.response_metadata["moa"]["usage"]["unknown"] == []


def _messages(parts: list[Any]) -> list[Any]:
    return [part for part in parts if part[0] == "messages"]


def test_server_errors_become_data(simulator: Simulator) -> None:
    """A refused key is one slot's failure, and the key is not in it."""
    simulator.models["a"] = Behaviour(status=401, reply=f"Incorrect API key provided: {CANARY}")
    mixture = Mixture.of(at(simulator, "openai", "a", "b"), "openai:c").map_seats(
        lambda seat: type(seat)(seat.model, model_kwargs={"base_url": simulator.url, "api_key": CANARY})
    )
    out = create_moa(mixture).invoke(QUESTION)
    failed = out["proposals"][0]
    assert failed["status"] == "error"
    assert CANARY not in str(out)
    assert len([request for request in simulator.requests if request.body["model"] == "a"]) == 1


def test_one_graph_in_many_loops_and_threads(simulator: Simulator) -> None:
    """One graph serves repeated `asyncio.run`, synchronous calls and threads: no closed loop is ever met."""
    graph = create_moa(load_preset("local", base_url=simulator.url))
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(3):
                graph.invoke(QUESTION)
                asyncio.run(graph.ainvoke(QUESTION))
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(simulator.requests) == 4 * 3 * 2 * 4


@pytest.mark.parametrize(
    "join",
    [
        pytest.param(lambda one, two: one.with_fallbacks([two]), id="fallbacks"),
        pytest.param(lambda one, two: RunnableParallel(a=one, b=two) | _texts, id="branches"),
        pytest.param(
            lambda one, two: {"a": one} | RunnablePassthrough.assign(b=(lambda got: got["a"]) | two) | _texts,
            id="assigned",
        ),
        pytest.param(lambda one, two: RunnableBranch((lambda _: True, one), two), id="choice"),
        pytest.param(lambda one, two: (lambda messages: [messages] * 2) | (one | two).map() | str, id="each"),
    ],
)
def test_chains_in_many_loops(simulator: Simulator, join: Any) -> None:
    """However chat models are joined, a chain of them serves one event loop after the other, and synchronous calls."""
    one, two = (ChatOpenAI(model=name, base_url=simulator.url, api_key=SecretStr("k"), max_retries=0) for name in "ab")
    graph = create_moa(Mixture.of([Proposer(join(one | StrOutputParser(), two), name="chain")], ScriptedChatModel()))
    outs = [asyncio.run(graph.ainvoke(QUESTION)), graph.invoke(QUESTION), asyncio.run(graph.ainvoke(QUESTION))]
    assert [out["proposals"][0]["status"] for out in outs] == ["ok"] * 3


def _texts(answers: dict[str, Any]) -> str:
    return " ".join(sorted(answers))


async def test_loops_of_other_threads_are_forgotten_elsewhere(simulator: Simulator) -> None:
    """A model is ready in one loop, whatever happens in another thread to the loops that it was asked from before."""
    seat = Proposer(ChatOpenAI(model="a", base_url=simulator.url, api_key=SecretStr("k")))
    model = ReadyModel(seat, seat.model, streams=False)
    by_loop: Any = model._by_loop

    class Loop:
        """A closed loop that another thread forgets at the same time."""

        def is_closed(self) -> bool:
            """Say so."""
            by_loop.pop(self, None)
            return True

    loops = [Loop() for _ in range(3)]
    by_loop.update(dict.fromkeys(loops, None))
    assert (await model.ask([HumanMessage("q")], {}, {})).message.text == "ok"
    assert list(by_loop) == [asyncio.get_running_loop()]


def test_together_is_never_built_with_another_key(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """With only OPENAI_API_KEY set, a `together:` slot raises before any request."""
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("TOGETHER_API_BASE", simulator.url)
    with pytest.raises(MissingKeyError, match="TOGETHER_API_KEY"):
        create_moa(load_preset("together-moa-lite")).invoke(QUESTION)
    assert simulator.requests == []


@pytest.mark.parametrize("empty", [None, "", " "])
@pytest.mark.parametrize("name", ["api_key", "together_api_key"])
def test_an_empty_key_is_no_key(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, name: str, empty: str | None
) -> None:
    """An empty key never lets another provider's take its place; the provider's own does."""
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("OPENAI_ORG_ID", "an-organisation")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "a-project")
    monkeypatch.setenv("TOGETHER_API_BASE", simulator.url)
    proposer = Proposer("together:a", model_kwargs={name: empty})
    graph = create_moa(Mixture.of([proposer], ScriptedChatModel()))
    with pytest.raises(MissingKeyError, match="TOGETHER_API_KEY"):
        graph.invoke(QUESTION)
    monkeypatch.setenv("TOGETHER_API_KEY", "of-together")
    graph.invoke(QUESTION)
    [request] = simulator.requests
    assert request.authorization == "Bearer of-together"
    assert not {"openai-organization", "openai-project"} & request.headers


def _bare(model: ChatOpenAI) -> Any:
    return model


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(_bare, id="bare"),
        pytest.param(lambda model: model.bind(temperature=0.1), id="bound"),
        pytest.param(lambda model: model.with_retry(stop_after_attempt=1), id="with retries"),
        pytest.param(lambda model: model | StrOutputParser(), id="chain"),
        pytest.param(create_agent, id="agent"),
    ],
)
def test_keys_of_wrapped_models_stay_out_of_errors(simulator: Simulator, wrap: Any) -> None:
    """A key that a server echoes is masked, however the model that holds it is wrapped."""
    key = "zZ9 canary of no known shape"
    simulator.behaviour = Behaviour(status=400, reply=f"this key {key} is no good")
    model = ChatOpenAI(model="a", base_url=simulator.url, api_key=SecretStr(key), max_retries=0)
    mixture = Mixture.of(
        [Proposer(wrap(model), name="a"), Proposer(ScriptedChatModel(), name="b")], ScriptedChatModel()
    )
    [failed, _] = create_moa(mixture).invoke(QUESTION)["proposals"]
    assert failed["status"] == "error"
    assert key not in str(failed)
    assert "is no good" in failed["error"]["message"]


def test_headers_stay_out_of_errors(simulator: Simulator) -> None:
    """A header that a seat sends is masked when a server echoes it."""
    simulator.behaviour = Behaviour(status=400, reply="header zZ9canary0 is no good")
    options = {"base_url": simulator.url, "api_key": "any", "default_headers": {"X-Gate": "zZ9canary0"}}
    proposers = [Proposer("openai:a", model_kwargs=options), Proposer(ScriptedChatModel(), name="b")]
    out = create_moa(Mixture.of(proposers, ScriptedChatModel())).invoke(QUESTION)
    assert "zZ9canary0" not in str(out)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_loops_that_are_closed_carelessly_leak_nothing(simulator: Simulator) -> None:
    """A loop that is closed without a shutdown takes its client with it."""
    graph = create_moa(load_preset("local", base_url=simulator.url))
    for _ in range(4):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(graph.ainvoke(QUESTION))
        loop.close()
    asyncio.run(graph.ainvoke(QUESTION))
    del loop  # with it go its sockets, here and in no other test
    while gc.collect():
        pass
    assert [loop for loop in clients._clients if loop.is_closed()] == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_child_can_invoke(tmp_path: Path) -> None:
    """A process that forks after a synchronous call leaves its child able to make one."""
    script = """
import os
from langgraph_moa import create_moa, load_preset
graph = create_moa(load_preset("offline"))
question = {"messages": [("user", "What is a quorum?")]}
graph.invoke(question)
child = os.fork()
if not child:
    os._exit(0 if graph.invoke(question)["proposals"] else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False
    )
    assert done.stdout.strip() == "0", done.stderr


def test_environment_is_honoured(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """`OPENAI_BASE_URL` and `OPENAI_API_KEY` work as with the provider's own client."""
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("OPENAI_BASE_URL", simulator.url)
    create_moa(Mixture.of(["openai:a"], "openai:b")).invoke(QUESTION)
    assert {request.authorization for request in simulator.requests} == {f"Bearer {CANARY}"}


def test_no_key_is_needed_for_a_server_on_this_machine(simulator: Simulator) -> None:
    """A server on loopback is asked without a key of the user's."""
    graph = create_moa(load_preset("local", base_url=simulator.url))
    assert graph.invoke(QUESTION)["messages"][-1].content == "ok"
    assert {request.authorization for request in simulator.requests} == {"Bearer not-needed"}


def test_no_secret_is_kept(simulator: Simulator, tmp_path: Path) -> None:
    """A key stands in no checkpoint, output, recipe or representation."""
    mixture = load_preset("together-moa-lite", base_url=simulator.url, api_key=CANARY)
    database = tmp_path / "checkpoints.sqlite"
    with SqliteSaver.from_conn_string(str(database)) as saver:
        graph = create_moa(mixture, checkpointer=saver)
        out = graph.invoke(QUESTION, {"configurable": {"thread_id": "1"}})
    assert CANARY.encode() not in database.read_bytes()
    assert CANARY not in f"{out} {mixture} {mixture.to_dict()} {graph!r}"
