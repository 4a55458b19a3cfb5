"""Claims about which request goes where."""

from __future__ import annotations

from typing import Any

import pytest

from langgraph_moa.testing import Behaviour, Simulator
from tests.testing.conftest import ask, call, request


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


@pytest.mark.parametrize("body", [{"tools": "odd", "tool_choice": 7}, {"stop": 7}, {"stream_options": "odd"}])
@pytest.mark.parametrize("stream", [False, True])
def test_odd_bodies_do_no_harm(simulator: Simulator, body: dict[str, object], stream: bool) -> None:  # noqa: FBT001
    """Fields of other types than expected are answered as if they were not there."""
    assert ask(simulator, **body, stream=stream).status_code == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"model": None}, "`model`"),
        ({"model": ""}, "`model`"),
        ({"model": 7}, "`model`"),
        ({"messages": []}, "`messages`"),
        ({"messages": "q"}, "`messages`"),
        ({"n": 0}, "`n`"),
        ({"n": "two"}, "`n`"),
    ],
)
def test_what_a_request_needs_is_asked_for(simulator: Simulator, body: dict[str, object], said: str) -> None:
    """Without a model or a message, and with an odd number of choices, a request gets 400 that names the field."""
    response = ask(simulator, **body)
    assert response.status_code == 400
    assert said in response.json()["error"]["message"]
    assert simulator.requests[0].status == 400


def test_a_failure_of_the_simulator_is_told(simulator: Simulator) -> None:
    """What was put in the place of a behaviour later gets 500 in OpenAI's shape, with the reason, and is recorded."""
    odd: Any = "no behaviour"
    simulator.models["m"] = odd
    response = ask(simulator)
    assert response.status_code == 500
    assert response.json()["error"]["type"] == "simulator_error"
    assert "ConfigurationError" in response.json()["error"]["message"]
    assert simulator.requests[0].status == 500
    assert simulator.wait_for(lambda server: server.in_flight == 0)


@pytest.mark.parametrize("name", ["a", "org/model-1"])
def test_one_model_is_described(simulator: Simulator, name: str) -> None:
    """A model that has a behaviour of its own is found by its name, and another one is not."""
    address = f"{simulator.url}/models/{name}"
    missing = request("GET", address)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")
    simulator.models[name] = Behaviour()
    assert request("GET", address).json()["id"] == name


def test_another_process_may_see_what_is_in_flight(simulator: Simulator) -> None:
    """`/simulator/requests` tells for each model how many requests are being answered."""
    simulator.behaviour = Behaviour(hang=True)
    lines = [call(simulator, model=model) for model in ("a", "a", "b")]
    assert simulator.wait_for(lambda server: server.in_flight == 3)
    models = request("GET", simulator.url.removesuffix("/v1") + "/simulator/requests").json()["models"]
    assert {name: numbers["in_flight"] for name, numbers in models.items()} == {"a": 2, "b": 1}
    for line in lines:
        line.socket.close()


def test_another_process_may_ask_ask_for_the_counts() -> None:
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
