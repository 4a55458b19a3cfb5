"""Claims about what a provider asks for when it refuses: how long is waited, and when waiting is given up."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from langchain_core.messages import HumanMessage

from langgraph_moa import Mixture, Proposer, QuorumError, create_moa
from langgraph_moa.proposal import Proposal
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator

QUESTION = {"messages": [HumanMessage("why?")]}
MESSAGE = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "well"}}
ANSWER = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [MESSAGE]}
Reply = tuple[int, Callable[[], dict[str, str]], object]


def proposal_of(proposer: Proposer) -> Proposal:
    """Return what becomes of the only proposer of a mixture, whether the run goes well or not."""
    try:
        out = create_moa(Mixture.of([proposer], ScriptedChatModel(replies="end"))).invoke(QUESTION)
    except QuorumError as error:
        return error.proposals[0]  # type: ignore[return-value]
    found: Proposal = out["proposals"][0]
    return found


class Scripted(ThreadingHTTPServer):
    """A provider that gives responses in turn, the last one again and again: each a status, its headers and a body."""

    def __init__(self, replies: list[Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = replies
        self.asked: list[float] = []
        """When each request came, in seconds of `time.monotonic()`."""

    @property
    def options(self) -> dict[str, str]:
        """Constructor arguments of a model that asks this server."""
        return {"base_url": f"http://127.0.0.1:{self.server_port}/v1", "api_key": "any"}


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_POST(self) -> None:
        """Give the next response."""
        self.server.asked.append(time.monotonic())
        self.rfile.read(int(self.headers["content-length"]))
        replies = self.server.replies
        status, headers, body = replies[min(len(self.server.asked), len(replies)) - 1]
        self.send_response(status)
        for name, value in {**headers(), "content-type": "application/json"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Write nothing to the terminal."""


@contextmanager
def scripted_server(*replies: Reply) -> Iterator[Scripted]:
    """Run a server with these responses."""
    with Scripted(list(replies)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def refusal(status: int, headers: Callable[[], dict[str, str]] = dict, code: str | None = None) -> Reply:
    """Return a provider's refusal, with headers made when it is sent."""
    return status, headers, {"error": {"message": "no", "type": code, "code": code}}


@pytest.mark.parametrize("code", ["insufficient_quota", "billing_hard_limit_reached"])
def test_a_spent_quota_is_asked_once(code: str) -> None:
    """A 429 because the money is gone is not asked again, unlike one that is about the rate."""
    with scripted_server(refusal(429, lambda: {"retry-after": "0"}, code)) as server:
        proposal = proposal_of(Proposer("openai:m", model_kwargs=server.options))
    assert (len(server.asked), proposal["status"]) == (1, "error")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(lambda: {"retry-after": "0.4"}, id="seconds"),
        pytest.param(lambda: {"retry-after-ms": "400", "retry-after": "1"}, id="milliseconds"),
        pytest.param(lambda: {"retry-after": formatdate(math.ceil(time.time()) + 1, usegmt=True)}, id="date"),
    ],
)
def test_the_provider_is_given_the_time_it_asks_for(headers: Callable[[], dict[str, str]]) -> None:
    """The next request comes no earlier than the provider has asked for, and the wait is no part of the latency."""
    with scripted_server(refusal(429, headers), (200, dict, ANSWER)) as server:
        proposal = proposal_of(Proposer("openai:m", model_kwargs=server.options))
    first, second = server.asked
    assert proposal["status"] == "ok"
    assert 0.38 <= proposal["waited"] <= second - first < 10
    assert proposal["latency"] is not None
    assert proposal["latency"] + proposal["waited"] >= second - first


def test_waiting_is_apart_from_latency(moa_openai_environment: Simulator) -> None:
    """Pauses count as waiting and answers as latency; the summary's time is both."""
    moa_openai_environment.behaviour = Behaviour(schedule=["unavailable", "unavailable"], retry_after=0.2, delay=0.1)
    out = create_moa(Mixture.of(["openai:m"], ScriptedChatModel())).invoke(QUESTION)
    [proposal] = out["proposals"]
    timing = out["messages"][-1].response_metadata["moa"]["timing"]
    assert 0.39 <= proposal["waited"] < 3
    assert 0.29 <= proposal["latency"] < 3
    assert timing["layers"] == [pytest.approx(proposal["waited"] + proposal["latency"])]
    assert timing["total"] == pytest.approx(timing["layers"][0] + timing["aggregator"])


def test_a_wish_beyond_the_deadline_ends_the_slot_at_once(moa_openai_environment: Simulator) -> None:
    """What the provider wants to be waited for beyond the deadline is not waited for, and the failure says so."""
    moa_openai_environment.behaviour = Behaviour(status=429, retry_after=60.0, reply="slow down")
    begin = time.monotonic()
    proposal = proposal_of(Proposer("openai:m", timeout=20))
    assert time.monotonic() - begin < 10
    assert (proposal["status"], proposal["attempts"], len(moa_openai_environment.requests)) == ("error", 1, 1)
    assert proposal["error"] is not None
    assert "slow down" in proposal["error"]["message"]
    assert "not asked again: in 60." in proposal["error"]["message"]


def test_fallbacks_get_the_time_that_a_wish_would_take(moa_openai_environment: Simulator) -> None:
    """When the pause would outlast the deadline, the fallback is asked at once, and both requests are recorded."""
    moa_openai_environment.models["busy"] = Behaviour(status=503, retry_after=60.0)
    moa_openai_environment.models["free"] = Behaviour(reply="here")
    begin = time.monotonic()
    proposal = proposal_of(Proposer("openai:busy", fallbacks=["together:free"], timeout=20))
    assert time.monotonic() - begin < 10
    assert [request.model for request in moa_openai_environment.requests] == ["busy", "free"]
    assert (proposal["status"], proposal["text"], proposal["served_model"]) == ("ok", "here", "together:free")
    assert [(call["fallback"], call["error"] is None) for call in proposal["calls"]] == [(0, False), (1, True)]
