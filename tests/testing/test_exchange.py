"""Claims about one request and its response on the wire: pace, faults, limits."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langgraph_moa.testing import Behaviour, Fault, Latency, Simulator, ToolCall
from langgraph_moa.testing.exchange import milliseconds, waiting_headers
from tests.testing.conftest import BODY, ask, call, events, streamed_text

SOON = 5.0
"""Seconds that are far more than it takes, on a busy machine too."""


def timed(simulator: Simulator, **body: Any) -> tuple[float, httpx.Response]:
    """Ask, and return the seconds that it took with the response."""
    began = time.monotonic()
    response = ask(simulator, **body)
    return time.monotonic() - began, response


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_any_text_arrives_unchanged(simulator: Simulator, text: str) -> None:
    """A reply arrives as it is, whole and streamed, whatever characters it has."""
    simulator.behaviour = Behaviour(reply=text)
    assert ask(simulator).json()["choices"][0]["message"]["content"] == text
    assert streamed_text(ask(simulator, stream=True)) == text


def test_a_long_stream_is_sent_whole(simulator: Simulator) -> None:
    """Thousands of tokens arrive in order."""
    text = " ".join(map(str, range(5000)))
    simulator.behaviour = Behaviour(reply=text)
    assert streamed_text(ask(simulator, stream=True)) == text
    assert simulator.requests[0].chunks == 5002


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_takes_as_long_streamed_or_not(simulator: Simulator, stream: bool) -> None:  # noqa: FBT001
    """Delay, latency, first token and pace add up, in both forms."""
    simulator.behaviour = Behaviour(
        reply="a b c d e",
        delay=0.05,
        latency=Latency(median=0.05, sigma=0),
        time_to_first_token=0.1,
        tokens_per_second=25,
    )
    seconds, response = timed(simulator, stream=stream)
    assert response.status_code == 200
    assert 0.4 <= seconds < 0.4 + SOON


def test_tokens_come_one_by_one(simulator: Simulator) -> None:
    """A paced stream gives its first token long before its last."""
    simulator.behaviour = Behaviour(reply="a b c d e f", tokens_per_second=10)
    arrivals = []
    with httpx.stream(
        "POST", f"{simulator.url}/chat/completions", json={**BODY, "stream": True}, timeout=30
    ) as response:
        arrivals = [time.monotonic() for line in response.iter_lines() if '"content":' in line]
    assert len(arrivals) == 7
    assert arrivals[-1] - arrivals[1] > 0.3


def test_a_function_may_block_without_holding_up_others(simulator: Simulator) -> None:
    """A reply function waits in a thread of its own, and other models answer meanwhile."""
    asked, release = threading.Event(), threading.Event()

    def wait(_: dict[str, Any]) -> str:
        asked.set()
        release.wait(30)
        return "late"

    simulator.models["slow"] = Behaviour(reply=wait)
    line = call(simulator, model="slow")
    assert asked.wait(30)
    assert ask(simulator).status_code == 200
    line.socket.close()
    assert simulator.wait_for(lambda server: server.requests[0].disconnected)
    release.set()


@pytest.mark.parametrize("reply", [lambda _: 1 / 0, lambda _: 7, lambda _: pytest.fail("Error")])
def test_a_function_that_fails_is_told(simulator: Simulator, reply: Any) -> None:
    """When a reply function raises or returns no text, the client gets 500 with the reason."""
    simulator.behaviour = Behaviour(reply=reply)
    response = ask(simulator)
    assert response.status_code == 500
    assert "Error" in response.json()["error"]["message"]
    assert simulator.requests[0].status == 500


@pytest.mark.parametrize(
    ("fault", "status", "waits"),
    [
        ("rate_limit", 429, True),
        ("server_error", 500, False),
        ("bad_gateway", 502, False),
        ("unavailable", 503, True),
        ("context_length", 400, False),
    ],
)
def test_error_faults_have_their_status(simulator: Simulator, fault: Fault, status: int, waits: bool) -> None:  # noqa: FBT001
    """Each error has its status, and those that ask the client to wait say how long."""
    simulator.behaviour = Behaviour(schedule=[fault], retry_after=1.5)
    response = ask(simulator, stream=True)
    assert response.status_code == status
    assert response.headers.get("retry-after") == ("2" if waits else None)
    assert response.headers.get("retry-after-ms") == ("1500" if waits else None)
    assert ask(simulator).status_code == 200
    assert [request.fault for request in simulator.requests] == [fault, None]


def test_a_status_of_the_behaviour_may_ask_to_wait(simulator: Simulator) -> None:
    """A behaviour with status 429 and `retry_after` sends the header each time."""
    simulator.behaviour = Behaviour(status=429, reply="slow down", retry_after=2)
    assert ask(simulator).headers["retry-after"] == "2"


@pytest.mark.parametrize("stream", [False, True])
def test_a_disconnect_comes_in_the_middle(simulator: Simulator, stream: bool) -> None:  # noqa: FBT001
    """The response begins, holds part of the answer and breaks off."""
    simulator.behaviour = Behaviour(reply="one two three four", faults={"disconnect": 1.0})
    with pytest.raises(httpx.RemoteProtocolError):
        ask(simulator, stream=stream)
    line = call(simulator, stream=stream)
    received = line.read()
    line.socket.close()
    assert received.startswith(b"HTTP/1.1 200")
    assert b'"role":"assistant"' in received or stream is False
    assert b"[DONE]" not in received
    assert not any(request.disconnected for request in simulator.requests)


@pytest.mark.parametrize("stream", [False, True])
def test_malformed_json_is_sent_as_if_it_were_right(simulator: Simulator, stream: bool) -> None:  # noqa: FBT001
    """The response is complete as HTTP, and its JSON breaks off."""
    simulator.behaviour = Behaviour(reply="one two", faults={"malformed": 1.0})
    response = ask(simulator, stream=stream)
    assert response.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(events(response)[-1] if stream else response.text)


@pytest.mark.parametrize("stream", [False, True])
def test_pings_hold_no_content(simulator: Simulator, stream: bool) -> None:  # noqa: FBT001
    """Signs of life come for ever: comments in a stream, white space in JSON."""
    simulator.behaviour = Behaviour(faults={"pings": 1.0}, ping_interval=0.01)
    line = call(simulator, stream=stream)
    received = b""
    while received.count(b": ping" if stream else b"\r\n\n\r\n") < 5:
        received += line.socket.recv(4096)
    line.socket.close()
    assert b"choices" not in received
    assert simulator.wait_for(lambda server: server.requests[0].disconnected)


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(hang=True),
        Behaviour(faults={"hang": 1.0}),
        Behaviour(delay=60),
        Behaviour(reply="a b c", tokens_per_second=0.01),
        Behaviour(time_to_first_token=60),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_is_seen_at_once(simulator: Simulator, behaviour: Behaviour, stream: bool) -> None:  # noqa: FBT001
    """Wherever a response waits, the time at which the client went is recorded."""
    simulator.behaviour = behaviour
    line = call(simulator, stream=stream)
    assert simulator.wait_for(lambda server: server.in_flight == 1)
    closed = time.monotonic()
    line.socket.close()
    assert simulator.wait_for(lambda server: server.requests[0].disconnected)
    went = simulator.requests[0].disconnected_at
    assert went is not None
    assert closed <= went < closed + SOON
    assert simulator.wait_for(lambda server: server.in_flight == 0)


def test_the_announced_wait_is_true(simulator: Simulator) -> None:
    """A request after the wait that 429 announced passes, and one long before does not."""
    simulator.behaviour = Behaviour(requests_per_minute=120, burst=0.5)
    assert ask(simulator).status_code == 200
    turned_away = ask(simulator)
    assert turned_away.status_code == 429
    assert turned_away.json()["error"]["code"] == "rate_limit_exceeded"
    wait = int(turned_away.headers["retry-after-ms"]) / 1000
    assert 0 < wait <= 0.5
    assert turned_away.headers["retry-after"] == "1"
    time.sleep(wait)
    assert ask(simulator).status_code == 200
    assert simulator.counts["m"]["rate_limit"] == 1


def test_models_have_allowances_of_their_own(simulator: Simulator) -> None:
    """One model's full bucket does not stop another, nor the same one under a new behaviour."""
    simulator.behaviour = Behaviour(requests_per_minute=1, burst=1)
    assert [ask(simulator, model=model).status_code for model in ("a", "a", "b")] == [200, 429, 200]
    simulator.behaviour = Behaviour(requests_per_minute=1, burst=1)
    assert ask(simulator, model="a").status_code == 200


def test_tokens_are_limited_too(simulator: Simulator) -> None:
    """A request for too many tokens is turned away, and one that can never pass is not told to wait."""
    simulator.behaviour = Behaviour(reply="a b", tokens_per_minute=6)
    assert [ask(simulator).status_code for _ in range(2)] == [200, 429]
    too_large = ask(simulator, messages=[{"role": "user", "content": "a b c d e f g"}])
    assert too_large.status_code == 429
    assert "retry-after" not in too_large.headers
    assert "too large" in too_large.json()["error"]["message"]


def test_a_long_prompt_does_not_fit(simulator: Simulator) -> None:
    """A prompt longer than the context window gets OpenAI's 400 with its code."""
    simulator.behaviour = Behaviour(context_window=2)
    assert ask(simulator).status_code == 200
    response = ask(simulator, messages=[{"role": "user", "content": "a b c"}])
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "context_length_exceeded"
    assert simulator.requests[-1].fault == "context_length"


def test_a_request_that_is_turned_away_takes_no_turn(simulator: Simulator) -> None:
    """What the bucket refuses leaves the schedule where it was, so that timing does not change who fails."""
    simulator.behaviour = Behaviour(requests_per_minute=120, burst=0.5, schedule=[None, "server_error", None])
    statuses = []
    for _ in range(3):
        response = ask(simulator)
        statuses.append(response.status_code)
        if len(statuses) == 1:
            refused = ask(simulator)
            assert refused.status_code == 429
        time.sleep(int(refused.headers["retry-after-ms"]) / 1000)
    assert statuses == [200, 500, 200]
    assert [request.fault for request in simulator.requests] == [None, "rate_limit", "server_error", None]


def test_pings_come_at_their_interval(simulator: Simulator) -> None:
    """The second ping comes one interval after the first, and not before."""
    simulator.models["slow"] = Behaviour(faults={"pings": 1.0}, ping_interval=30)
    simulator.models["fast"] = Behaviour(faults={"pings": 1.0}, ping_interval=0.1)
    lines = {model: call(simulator, model=model, stream=True) for model in ("slow", "fast")}
    began, received = time.monotonic(), b""
    while received.count(b": ping") < 4:
        received += lines["fast"].socket.recv(4096)
    assert 0.25 < time.monotonic() - began < 0.3 + SOON
    received = b""
    while b": ping" not in received:
        received += lines["slow"].socket.recv(4096)
    lines["slow"].socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        lines["slow"].socket.recv(1)
    for line in lines.values():
        line.socket.close()


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_may_want_several_choices(simulator: Simulator, stream: bool) -> None:  # noqa: FBT001
    """Each choice has its index and the whole answer, and tool calls have identifiers of their own."""
    simulator.behaviour = Behaviour(reply="one two", tool_calls=[ToolCall(name="f")])
    response = ask(simulator, n=2, stream=stream)
    called = ask(simulator, n=2, tools=[{"type": "function"}]).json()["choices"]
    assert len({choice["message"]["tool_calls"][0]["id"] for choice in called}) == 2
    texts = ["", ""]
    bodies = [json.loads(data) for data in events(response)[:-1]] if stream else [response.json()]
    for choice in (choice for body in bodies for choice in body["choices"]):
        texts[choice["index"]] += choice["delta" if stream else "message"].get("content") or ""
    assert texts == ["one two"] * 2


def test_a_stop_sequence_ends_the_answer(simulator: Simulator) -> None:
    """The text ends before the request's sequence, with the reason `stop`."""
    simulator.behaviour = Behaviour(reply="one two END three")
    choice = ask(simulator, stop=["END"]).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one two ", "stop")


@given(st.floats(0, 1e6))
def test_a_wait_is_rounded_up(seconds: float) -> None:
    """`Retry-After` is in whole seconds and `retry-after-ms` in whole milliseconds, neither of them too short."""
    headers = dict(waiting_headers(seconds))
    exact = int(headers[b"retry-after-ms"])
    assert seconds * 1000 - 1e-5 <= exact < seconds * 1000 + 1
    assert int(headers[b"retry-after"]) == -(-exact // 1000)
    assert milliseconds(1.1) == 1100
    assert milliseconds(0.07) == 70


def test_equal_seeds_give_equal_faults() -> None:
    """Two simulators of the same seed fail the same requests, and another seed fails others."""

    def statuses(seed: int) -> list[int]:
        with Simulator(Behaviour(faults={"server_error": 0.3, "unavailable": 0.3}, seed=seed)) as simulator:
            return [ask(simulator).status_code for _ in range(30)]

    assert statuses(1) == statuses(1) != statuses(2)


def test_tool_calls_and_thoughts_are_sent(simulator: Simulator) -> None:
    """Tool calls have unique identifiers, and thoughts come beside the content."""
    simulator.behaviour = Behaviour(tool_calls=[ToolCall(name="f"), ToolCall(name="g")], reasoning="let me see")
    messages = [ask(simulator, tools=[{"type": "function"}]).json()["choices"][0]["message"] for _ in range(2)]
    assert len({call["id"] for message in messages for call in message["tool_calls"]}) == 4
    assert [message["reasoning_content"] for message in messages] == ["let me see"] * 2
    assert messages[0]["content"] is None
