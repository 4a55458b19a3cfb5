"""Claims about which request goes where."""

from __future__ import annotations

import pytest

from langgraph_moa.testing import Behaviour, Simulator
from tests.testing.conftest import ask, request


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/chat/completions/", "/", "/v1/embeddings"])
def test_other_paths_are_not_found(simulator: Simulator, path: str) -> None:
    """A path that does not exist gets 404 in OpenAI's shape, and is not recorded."""
    response = request("POST", simulator.url.removesuffix("/v1") + path, json={})
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert path in response.json()["error"]["message"]
    assert simulator.requests == []


@pytest.mark.parametrize(("method", "path"), [("GET", "/chat/completions"), ("POST", "/models")])
def test_other_methods_are_not_allowed(simulator: Simulator, method: str, path: str) -> None:
    """The wrong method on a right path gets 405."""
    assert request(method, simulator.url + path).status_code == 405


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(simulator: Simulator, body: bytes) -> None:
    """A body that is not a JSON object gets 400, and is recorded as empty."""
    response = request("POST", f"{simulator.url}/chat/completions", content=body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert [(recorded.body, recorded.status) for recorded in simulator.requests] == [({}, 400)]


@pytest.mark.parametrize("body", [{"model": None}, {"model": 7, "tools": "odd"}, {"stream_options": "odd"}])
@pytest.mark.parametrize("stream", [False, True])
def test_odd_bodies_do_no_harm(simulator: Simulator, body: dict[str, object], stream: bool) -> None:  # noqa: FBT001
    """Fields of other types than expected are answered as if they were not there."""
    assert ask(simulator, **body, stream=stream).status_code == 200


def test_another_process_may_ask_for_the_counts() -> None:
    """`/simulator/requests` tells the numbers, and with `bodies` what was sent, but no header's value."""
    with Simulator(models={"a": Behaviour(schedule=["server_error"])}) as simulator:
        ask(simulator, model="a")
        ask(simulator, model="a")
        ask(simulator, model="b")
        address = simulator.url.removesuffix("/v1") + "/simulator/requests"
        numbers = request("GET", address).json()
        assert (numbers["requests"], numbers["in_flight"], numbers["peak_in_flight"]) == (3, 0, 1)
        assert numbers["models"]["a"] == {
            "requests": 2,
            "faults": {"server_error": 1},
            "in_flight": 0,
            "peak_in_flight": 1,
        }
        assert "recorded" not in numbers
        recorded = request("GET", address, params={"bodies": 1}).json()["recorded"]
        assert [entry["body"]["model"] for entry in recorded] == ["a", "a", "b"]
        assert [entry["status"] for entry in recorded] == [500, 200, 200]
        assert "host" in recorded[0]["headers"]


def test_a_large_body_is_read_whole(simulator: Simulator) -> None:
    """A request of several megabytes arrives unchanged."""
    text = "word " * 600_000
    assert ask(simulator, messages=[{"role": "user", "content": text}]).json()["usage"]["prompt_tokens"] == 600_000
    assert simulator.requests[0].body["messages"][0]["content"] == text
