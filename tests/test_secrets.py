"""Planted keys appear nowhere but in the requests that need them, whatever a provider says back."""

from __future__ import annotations

import gc
import io
import json
import logging
import pickle
import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.langchain import LangChainTracer
from langchain_core.tracers.schemas import Run
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langsmith import Client
from pydantic import SecretStr

from langgraph_moa import Aggregator, AggregatorError, Layer, Mixture, Proposer, QuorumError, cli, create_moa

PLACES = ("openai", "together", "argument", "header", "object", "object-header", "bound-header", "chain", "query")
CANARIES = {place: f"c4n4ry-{place}-8e1f" for place in PLACES}
MODES = ("401", "500", "html", "broken", "not-a-completion", "stream")
"""How a provider fails that says back every header it was sent."""
ASKED = {"messages": [HumanMessage("Why?")]}


class _Echo(BaseHTTPRequestHandler):
    """A provider that answers with what it was sent: headers, URL and all; the model's name says how."""

    protocol_version = "HTTP/1.1"
    received: ClassVar[list[str]]
    posted: ClassVar[list[bytes]]

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        """Tell LangSmith's client what this server can do: no compression, so that posts can be read."""
        self._send(200, "application/json", json.dumps({"version": "1", "batch_ingest_config": {}}))

    def do_POST(self) -> None:
        """Keep a trace, or answer a chat request."""
        data = self.rfile.read(int(self.headers["content-length"]))
        if "/runs" in self.path:
            self.posted.append(data)
            self._send(202, "application/json", "{}")
            return
        said = "\n".join([self.path, *(f"{name}: {value}" for name, value in self.headers.items())])
        self.received.append(said)
        request = json.loads(data)
        mode, streams = request["model"], request.get("stream", False)
        refusal = json.dumps({"error": {"message": f"denied: {said}", "type": "auth", "headers": said}})
        nothing = json.dumps({"choices": None, "error": {"message": said, "code": 400}, "debug": said})
        bodies = {"html": said, "broken": f'{{"error": "{said}', "not-a-completion": nothing, "good": _answer(streams)}
        kind = "text/html" if mode == "html" else "text/event-stream" if streams else "application/json"
        body = bodies.get(mode, refusal)
        is_event = streams and mode in {"stream", "not-a-completion", "broken"}
        self._send(int(mode) if mode.isdigit() else 200, kind, f"data: {body}\n\n" if is_event else body)

    def _send(self, status: int, kind: str, body: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("x-echo", self.headers.get("authorization", ""))
        self.send_header("content-length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())


def _answer(streams: bool) -> str:  # noqa: FBT001
    """Return a completion, whole or as the only chunk of a stream."""
    message = {"role": "assistant", "content": "fine"}
    choice = {"index": 0, "delta" if streams else "message": message, "finish_reason": "stop"}
    data = json.dumps({"id": "1", "created": 0, "model": "good", "choices": [choice]})
    return f"data: {data}\n\ndata: [DONE]\n\n" if streams else data


class Echo(NamedTuple):
    """The running provider, which is also a receiver of traces."""

    url: str
    received: list[str]
    posted: list[bytes]


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Iterator[Echo]:
    """Start the provider, and plant the keys of the environment."""

    class Handler(_Echo):
        received: ClassVar[list[str]] = []
        posted: ClassVar[list[bytes]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    monkeypatch.setenv("OPENAI_API_KEY", CANARIES["openai"])
    monkeypatch.setenv("TOGETHER_API_KEY", CANARIES["together"])
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    yield Echo(url, Handler.received, Handler.posted)
    server.shutdown()
    server.server_close()
    thread.join()


class Collector(BaseTracer):
    """Keeps every run as text."""

    def __init__(self) -> None:
        super().__init__(_schema_format="original+chat")
        self.seen: list[str] = []

    def _persist_run(self, run: Run) -> None:
        """Keep the outermost run, which holds the others."""
        self.seen.append(repr(run.model_dump() if hasattr(run, "model_dump") else vars(run)))

    def _end_trace(self, run: Run) -> None:
        self.seen.append(repr(vars(run)))
        super()._end_trace(run)


class Witness(BaseCallbackHandler):
    """Keeps the arguments of every event, as any other handler may."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        """Return a method that writes down what it is given, for every event."""
        if not name.startswith("on_"):
            return super().__getattribute__(name)
        return lambda *args, **kwargs: self.seen.append(
            f"{name} {args!r} {kwargs!r} {[shown_of(item) for item in args if isinstance(item, BaseException)]!r}"
        )


def shown_of(error: BaseException) -> dict[str, Any]:
    """Return what an exception holds, but for the objects of the HTTP client: those are the connection's own."""
    return {name: value for name, value in vars(error).items() if name not in {"request", "response"}}


def leaks(text: str | bytes) -> list[str]:
    """Return the places whose key stands in a text."""
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return [
        f"{place}: {shown[at - 200 : at + 40]!r}" for place, key in CANARIES.items() if (at := shown.find(key)) >= 0
    ]


def chat(echo: Echo, mode: str, place: str, **kwargs: Any) -> ChatOpenAI:
    """Return a chat model of the user's own."""
    return ChatOpenAI(model=mode, base_url=echo.url, api_key=SecretStr(CANARIES[place]), max_retries=0, **kwargs)


def seats(echo: Echo, mode: str) -> list[Proposer]:
    """Return a proposer for every place at which a key can be planted."""
    local = {"base_url": echo.url, "max_retries": 0}
    headers = {"default_headers": {"X-Auth": CANARIES["header"]}}
    bound = chat(echo, mode, "object").bind(extra_headers={"X-Auth": CANARIES["bound-header"]})
    chain = RunnableLambda(lambda messages: messages) | chat(echo, mode, "chain") | StrOutputParser()
    query = {"default_query": {"api_key": CANARIES["query"]}}
    return [
        Proposer(f"openai:{mode}", name="environment", model_kwargs=local),
        Proposer(f"together:{mode}", name="together", model_kwargs=local),
        Proposer(f"openai:{mode}", name="argument", model_kwargs={**local, "api_key": CANARIES["argument"]}),
        Proposer(f"openai:{mode}", name="header", model_kwargs={**local, **headers}),
        Proposer(f"openai:{mode}", name="query", model_kwargs={**local, **query}),
        Proposer(chat(echo, mode, "object", default_headers={"X-A": CANARIES["object-header"]}), name="object"),
        Proposer(bound, name="bound"),
        Proposer(chain, name="chain"),
    ]


def mixture(echo: Echo, mode: str, *, aggregator: str = "good") -> Mixture:
    """Return a mixture in which one proposer is well and all others fail."""
    well = Proposer("openai:good", name="well", model_kwargs={"base_url": echo.url})
    last = Aggregator(f"openai:{aggregator}", model_kwargs={"base_url": echo.url, "max_retries": 0})
    return Mixture([Layer([*seats(echo, mode), well])], last)


@pytest.mark.parametrize("mode", MODES)
def test_no_key_leaves_a_run_with_failing_providers(
    mode: str, echo: Echo, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Traces, callbacks, streams, logs, checkpoints and results of a run hold no key, though providers echo it."""
    caplog.set_level(logging.DEBUG, "langgraph_moa")
    collector, witness = Collector(), Witness()
    client = Client(api_url=echo.url, api_key="any", auto_batch_tracing=True)
    config: Any = {
        "configurable": {"thread_id": "1"},
        "callbacks": [collector, witness, LangChainTracer(client=client)],
    }
    recipe = mixture(echo, mode)
    path = tmp_path / "checkpoints.sqlite"
    with SqliteSaver.from_conn_string(str(path)) as saver:
        graph = create_moa(recipe, checkpointer=saver)
        streams = ["custom", "updates", "debug", "values", "tasks", "checkpoints", "messages"]
        streamed = list(graph.stream(ASKED, config, stream_mode=streams, subgraphs=True))
        state = graph.get_state(config)
        history = list(graph.get_state_history(config))
    client.flush()
    said = "\n".join(echo.received)
    assert all(key in said for key in CANARIES.values()), "every key was sent to the provider, and said back"
    statuses = {proposal["proposer"]: proposal["status"] for proposal in state.values["proposals"]}
    assert {name: status for name, status in statuses.items() if status == "ok"} == {"well": "ok"}
    assert len(echo.posted) > 0
    assert len(collector.seen) > len(PLACES)
    database = "\n".join(sqlite3.connect(path).iterdump())
    shown = [repr(streamed), repr(state), repr(history), database, caplog.text, repr(recipe), repr(graph)]
    shown += [graph.get_graph().draw_mermaid(), pickle.dumps(state.values).decode("latin-1")]
    for text in [*shown, *collector.seen, *witness.seen]:
        assert leaks(text) == []
    for data in [*echo.posted, path.read_bytes()]:
        assert leaks(data) == []


@pytest.mark.filterwarnings("ignore:Exception ignored in.*BoundAsyncStream:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("mode", MODES)
async def test_no_key_leaves_an_asynchronous_run(mode: str, echo: Echo) -> None:
    """In the caller's own event loop it is the same, also through `astream_events`."""
    collector, witness = Collector(), Witness()
    graph = create_moa(mixture(echo, mode), checkpointer=(saver := InMemorySaver()))
    config: Any = {"configurable": {"thread_id": "1"}, "callbacks": [witness, collector]}
    events = [repr(event) async for event in graph.astream_events(ASKED, config, version="v2")]
    assert all(key in "\n".join(echo.received) for key in CANARIES.values())
    assert len(witness.seen) > len(PLACES)
    for text in [*events, *collector.seen, *witness.seen, repr(saver.storage), repr(saver.blobs), repr(saver.writes)]:
        assert leaks(text) == []


def quorum_error(echo: Echo, mode: str) -> Callable[[], object]:
    """Return a call that fails since all proposers do."""
    last = Aggregator("openai:good", model_kwargs={"base_url": echo.url})
    return lambda: create_moa(Mixture([Layer(seats(echo, mode))], last)).invoke(ASKED)


def aggregator_error(echo: Echo, mode: str) -> Callable[[], object]:
    """Return a call that fails since the aggregator does."""
    return lambda: create_moa(mixture(echo, mode, aggregator=mode)).invoke(ASKED)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("failing", [quorum_error, aggregator_error])
def test_no_key_stands_in_an_exception(
    failing: Callable[[Echo, str], Callable[[], object]],
    mode: str,
    echo: Echo,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error and all that led to it show no key: not as text, in a traceback, a pickle, a proposal or a log."""
    caplog.set_level(logging.DEBUG, "langgraph_moa")
    with pytest.raises((QuorumError, AggregatorError)) as caught:
        failing(echo, mode)()
    error = caught.value
    printed = "".join(traceback.format_exception(error))
    pickled = pickle.dumps(error).decode("latin-1")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    for text in (str(error), repr(error), printed, pickled, repr(again.proposals), repr(vars(error)), caplog.text):
        assert leaks(text) == []
    gc.collect()
    assert leaks(caplog.text) == [], "nor in what is logged of tasks and sockets that were let go"


def test_no_key_stands_in_a_recipe(echo: Echo, tmp_path: Path) -> None:
    """Reprs of all parts of a mixture, and its written form, hold no key."""
    recipe = mixture(echo, "good")
    strings = Mixture([Layer(seats(echo, "good")[:5])], "openai:good")
    parts = [recipe, *recipe.layers, *recipe.layers[0].proposers, recipe.aggregator, strings, strings.to_dict()]
    for part in [*parts, create_moa(recipe), recipe.plan(), strings.plan()]:
        assert leaks(f"{part!r} {part!s}") == []


@pytest.mark.parametrize("mode", ["401", "not-a-completion"])
def test_no_key_is_printed(
    mode: str, echo: Echo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`moa ask` shows no key: as JSON and as text, with one failing proposer and with nothing but failures."""
    models = ["--proposer", f"openai:{mode}", "--proposer", "openai:good", "--proposer", f"together:{mode}"]
    for aggregator, form in (("good", ["--json"]), (mode, ["--json"]), (mode, [])):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
        cli.run(["ask", "Why?", *models, "--aggregator", f"openai:{aggregator}", *form])
        printed = capsys.readouterr()
        assert leaks(printed.out + printed.err) == []
        assert printed.out + printed.err
    assert CANARIES["openai"] in "\n".join(echo.received)
