"""Claims about requests that are wrong: each is told in the client's own format, and the server stays up."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from openai import APIStatusError, NotFoundError, OpenAI

from langgraph_moa.testing import Simulator
from tests.cli.conftest import Moa, moa
from tests.serving.conftest import PROVIDER_KEY, Served, panel

__all__ = ["moa"]
pytestmark = pytest.mark.xdist_group("served")
MESSAGES = [{"role": "user", "content": "Hello"}]


HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"


def address_of(served: Served) -> tuple[str, int]:
    """Return where a server listens."""
    host, port = served.url.split("/")[2].split(":")
    return host, int(port)


def post(served: Served, body: object, **headers: str) -> tuple[int, dict[str, Any]]:
    """Send a request, and return the status and the object that came back."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection(served.url.split("/")[2], timeout=30)
    try:
        connection.request("POST", "/v1/chat/completions", data, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@pytest.fixture(autouse=True)
def stays_up(served: Served) -> Iterator[None]:
    """Say whether the server is well after each test."""
    yield
    answer = OpenAI(base_url=served.url, api_key="none").chat.completions.create(
        model="panel",
        messages=[{"role": "user", "content": "still there?"}],
    )
    assert answer.choices[0].message.content == "answer to still there?"
    assert served.process.poll() is None


HOSTILE = ["unknown", "../../etc/passwd", "panel.toml", "a\x00b", "é" * 10_000, "panel ", "{model}", "%2e%2e/panel"]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_unknown_models(served: Served, name: str) -> None:
    """A name that is not served gets 404 with the names that are, whatever is in it, and never a file of the disk."""
    status, told = post(served, {"model": name, "messages": MESSAGES})
    assert (status, told["error"]["code"]) == (404, "model_not_found")
    assert "panel" in told["error"]["message"]
    assert len(told["error"]["message"]) < 1_000


def test_openai_raises_its_own_error(served: Served) -> None:
    """OpenAI's client raises the error that it has for an unknown model."""
    with pytest.raises(NotFoundError, match="not served here"):
        OpenAI(base_url=served.url, api_key="none").models.retrieve("../panel.toml")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"messages": MESSAGES}, "model"),
    ({"model": 3, "messages": MESSAGES}, "model"),
    ({"model": "panel"}, "messages"),
    ({"model": "panel", "messages": []}, "messages"),
    ({"model": "panel", "messages": "Hello"}, "messages"),
    ({"model": "panel", "messages": [{"content": "Hello"}]}, "messages[0]"),
    ({"model": "panel", "messages": [{"role": "king", "content": "Hello"}]}, "messages[0]"),
    ({"model": "panel", "messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
    ({"model": "panel", "messages": [{"role": "remove", "id": "x"}]}, "messages[0]"),
    ({"model": "panel", "messages": MESSAGES, "temperature": 99}, "temperature"),
    ({"model": "panel", "messages": MESSAGES, "n": 0}, "n"),
    ({"model": "panel", "messages": MESSAGES, "n": 1000}, "n"),
    ({"model": "panel", "messages": MESSAGES, "stream": "yes"}, "stream"),
    ({"model": "panel", "messages": MESSAGES, "temperature": "hot"}, "temperature"),
    ({"model": "panel", "messages": MESSAGES, "max_tokens": -1}, "max_tokens"),
    ({"model": "panel", "messages": MESSAGES, "stop": [""]}, "stop"),
    ({"model": "panel", "messages": MESSAGES, "tools": [{"name": "x"}]}, "tools"),
    ({"model": "panel", "messages": MESSAGES, "response_format": {"type": "xml"}}, "response_format"),
    (
        {"model": "panel", "messages": MESSAGES, "response_format": {"type": "json_schema", "json_schema": {}}},
        "response_format",
    ),
]


@pytest.mark.parametrize(("body", "param"), WRONG, ids=[f"{number}-{param}" for number, (_, param) in enumerate(WRONG)])
def test_wrong_fields(served: Served, body: dict[str, Any], param: str) -> None:
    """A field that is missing or wrong gets 400, and the error names it."""
    status, told = post(served, body)
    assert (status, told["error"]["type"], told["error"]["param"]) == (400, "invalid_request_error", param)


def test_tools_that_an_aggregator_cannot_call(served: Served) -> None:
    """A mixture whose aggregator calls no tools says so with 400, which no client takes for a reason to ask again."""
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    status, told = post(served, {"model": "offline", "messages": MESSAGES, "tools": [tool]})
    assert (status, told["error"]["type"]) == (400, "invalid_request_error")
    assert "cannot call tools" in told["error"]["message"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"top_p": NaN}', b"[1]", b'"text"', b"\xff\xfe", b"[" * 50_000], ids=range(7)
)
def test_malformed_json(served: Served, body: bytes) -> None:
    """A body that is no JSON object gets 400 and says so."""
    status, told = post(served, body)
    assert (status, told["error"]["code"]) == (400, "invalid_request")
    assert "JSON" in told["error"]["message"]


def test_a_large_body(served: Served) -> None:
    """A body above the limit gets 413, by its announced length and, without one, once it has become too large."""
    large = {"model": "panel", "messages": [{"role": "user", "content": "x" * 200_000}]}
    status, told = post(served, large)
    assert (status, told["error"]["code"]) == (413, "body_too_large")
    with socket.create_connection(address_of(served), timeout=30) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            connection.sendall(b"9c40\r\n" + b"x" * 40_000 + b"\r\n")
        assert b" 413 " in connection.makefile("rb").readline()


def test_a_slow_body(served: Served) -> None:
    """A body that does not come within the patience of the server gets 408, though each part comes in time."""
    with socket.create_connection(address_of(served), timeout=30) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
        connection.settimeout(0.5)
        answer = b""
        for _ in range(40):
            try:
                answer = connection.recv(100)
                break
            except TimeoutError:
                connection.sendall(b" ")
    assert b" 408 " in answer


def test_unknown_paths_and_methods(served: Served) -> None:
    """Another path gets 404, another method 405, both in OpenAI's format."""
    client = OpenAI(base_url=served.url, api_key="none", max_retries=0)
    with pytest.raises(NotFoundError, match="not known here"):
        client.embeddings.create(model="panel", input="x")
    with pytest.raises(APIStatusError, match="not known here"):
        client.delete("/chat/completions", cast_to=object)


def test_other_hosts(served: Served) -> None:
    """A request under another host's name is turned away, as one that a page of another site makes a browser send."""
    status, told = post(served, {"model": "panel", "messages": MESSAGES}, Host="attacker.example")
    assert (status, told["error"]["code"]) == (421, "misdirected_request")


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://attacker.example"}, {"Origin": "null"}]
)
def test_pages_of_other_sites(served: Served, provider: Simulator, headers: dict[str, str]) -> None:
    """What a browser says comes from another site is refused before any call, whatever its content is called."""
    before = len(provider.requests)
    body = json.dumps({"model": "panel", "messages": MESSAGES}).encode()
    status, told = post(served, body, **{"Content-Type": "text/plain", **headers})
    assert (status, told["error"]["code"], len(provider.requests)) == (403, "other_site", before)


def test_a_failed_run_is_not_run_again(served: Served, provider: Simulator) -> None:
    """OpenAI's client, which tries twice more by itself, is told not to: each try would be a whole mixture."""
    before = len(provider.requests)
    with pytest.raises(APIStatusError, match="1 of 2 proposers"):
        OpenAI(base_url=served.url, api_key="none").chat.completions.create(
            model="failing", messages=[{"role": "user", "content": "Hello"}]
        )
    assert len(provider.requests) == before + 2


def test_half_characters(served: Served) -> None:
    """Lone halves of characters come back as such in a stream, and in the error for a field that holds one."""
    body = {"model": "panel", "messages": [{"role": "user", "content": "half \ud800"}], "stream": True}
    connection = http.client.HTTPConnection(*address_of(served), timeout=30)
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    assert b'"finish_reason":"stop"' in connection.getresponse().read()
    connection.close()
    status, told = post(served, {"model": "panel", "messages": [{"role": "\ud800", "content": "x"}]})
    assert (status, told["error"]["code"]) == (400, "invalid_request")


def test_a_run_that_fails(served: Served) -> None:
    """A run below its quorum gets 502 with every proposer's reason; the provider's key is in none of them."""
    for streams in (False, True):
        with pytest.raises(Exception, match="1 of 2 proposers gave a usable answer") as caught:
            list(
                OpenAI(base_url=served.url, api_key="none", max_retries=0).chat.completions.create(
                    model="failing", messages=[{"role": "user", "content": "Hello"}], stream=streams
                )
            )
        assert PROVIDER_KEY not in str(caught.value)
    assert PROVIDER_KEY not in (served.folder / "stderr").read_text(encoding="utf-8")


def test_a_client_that_goes_away(served: Served, provider: Simulator) -> None:
    """When a client goes, whole or streamed, the provider's connections of its run are closed."""
    for streams in (False, True):
        before = sum(request.disconnected for request in provider.requests)
        with socket.create_connection(served.url.split("/")[2].split(":")) as connection:  # type: ignore[arg-type]
            body = json.dumps({"model": "silent", "messages": MESSAGES, "stream": streams}).encode()
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            assert provider.wait_for(lambda sim: sim.in_flight_of["silent"] == 1)
        assert provider.wait_for(lambda sim: sim.in_flight_of["silent"] == 0)
        assert sum(request.disconnected for request in provider.requests) == before + 1


def test_a_port_in_use(served: Served, moa: Moa) -> None:
    """Serving on a port that is taken is refused in one line that says what to do."""
    port = served.url.split("/")[2].split(":")[1]
    done = moa("serve", "offline", "--port", port)
    assert (done.code, done.out) == (2, "")
    assert f"port {port}" in done.err
    assert "--port" in done.err


def test_a_file_that_changes(served: Served) -> None:
    """The next request meets a mixture file as it is then; one that is broken is told, and mended it is served."""
    path = served.folder / "changing.toml"
    panel(served.folder, "changing", aggregator="two")
    assert post(served, {"model": "changing", "messages": MESSAGES})[1]["choices"][0]["message"]["content"] == (
        "two thinks of Hello"
    )
    path.write_text("proposers = [", encoding="utf-8")
    status, told = post(served, {"model": "changing", "messages": MESSAGES})
    assert (status, told["error"]["code"]) == (500, "mixture_unreadable")
    assert "changing.toml" in told["error"]["message"]
    assert str(served.folder) not in told["error"]["message"]
    path.unlink()
    assert post(served, {"model": "changing", "messages": MESSAGES})[0] == 500
    panel(served.folder, "changing")
    assert post(served, {"model": "changing", "messages": MESSAGES})[0] == 200
