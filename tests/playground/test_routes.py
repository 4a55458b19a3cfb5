"""The page and its API over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from langgraph_moa.playground import OPEN_PATHS, EarlierRuns
from tests.playground.pages import HOSTILE, mixtures, playground, served

QUESTION = {"question": "What is a quorum?", "mixture": "wide"}
IN_JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Serve the playground, with a folder for its runs."""
    runs = EarlierRuns(tmp_path_factory.mktemp("runs"))
    with served(playground(mixtures(), runs)) as address, httpx.Client(base_url=address, trust_env=False) as client:
        yield client


def ask(client: httpx.Client, **changes: Any) -> list[dict[str, Any]]:
    """Ask, and return all events."""
    response = client.post("/playground/api/ask", content=json.dumps({**QUESTION, **changes}), headers=IN_JSON)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    return [json.loads(line.removeprefix("data: ")) for line in response.text.splitlines() if line.startswith("data: ")]


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
def test_the_page_asks_for_nothing_else(client: httpx.Client, path: str) -> None:
    """Every file of the page forbids whatever is not its own, and names nothing from elsewhere."""
    response = client.get(path)
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "http" not in response.text.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("name", ["page.html", "routes.py", "%2e%2e%2froutes.py", "page.css%00"])
def test_no_other_file_is_given(client: httpx.Client, name: str) -> None:
    """Only the files of the page are there."""
    assert client.get(f"/playground/{name}").status_code in (404, 405)


def test_a_question_is_answered(client: httpx.Client) -> None:
    """A run is told from its beginning to its end, and is then found among the earlier ones."""
    events = ask(client)
    assert (events[0]["type"], events[-1]["type"]) == ("begin", "end")
    run = events[-1]["run"]
    listed = client.get("/playground/api/runs").json()["runs"]
    assert listed[0] == {key: run[key] for key in listed[0]}
    assert client.get(f"/playground/api/runs/{run['id']}").json() == run


def test_what_is_changed_holds(client: httpx.Client) -> None:
    """Quorum and deadline of the request are those of the run, and a model is swapped."""
    events = ask(client, mixture="offline", quorum=2, deadline=50, models={"bm25": "offline:lsa"})
    first = events[0]["stages"][0]
    assert (first["quorum"], first["deadline"]) == (2, 50)
    assert "offline:bm25" not in {seat["model"] for seat in first["seats"]}


def test_a_record_is_a_page_in_which_nothing_runs(client: httpx.Client) -> None:
    """The record of a run is given in a sandbox, with hostile text escaped."""
    run = ask(client, mixture="hostile")[-1]["run"]
    response = client.get(f"/playground/api/runs/{run['id']}/record")
    assert response.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert response.headers["content-type"].startswith("text/html")
    assert HOSTILE.partition("</script>")[0] not in response.text
    assert "&lt;script&gt;alert(1)" in response.text


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"json": {**QUESTION, "mixture": "none"}}, "there is no mixture 'none'"),
        ({"json": {**QUESTION, "quorum": 99}}, "got 99"),
        ({"json": [1]}, "must be a table"),
        ({"content": b"{", "headers": IN_JSON}, "must be a JSON object"),
        ({"content": b"[" * 100_000, "headers": IN_JSON}, "must be"),
        ({"content": b"\xff", "headers": IN_JSON}, "must be a JSON object"),
        ({"json": {**QUESTION, "models": {"voice-1": "openai:gpt-4o"}}}, "OPENAI_API_KEY"),
    ],
)
def test_errors_are_told_in_words(client: httpx.Client, sent: dict[str, Any], said: str) -> None:
    """A request that is wrong gets one error that says what is, and starts no run."""
    before = client.get("/playground/api/runs").json()
    response = client.post("/playground/api/ask", **sent)
    assert response.status_code == 400
    assert said in response.json()["error"]["message"]
    assert client.get("/playground/api/runs").json() == before


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"content-type": "text/plain"}, "must be application/json"),
        ({"content-type": "application/x-www-form-urlencoded"}, "must be application/json"),
        ({}, "must be application/json"),
        ({**IN_JSON, "sec-fetch-site": "cross-site"}, "another site"),
        ({**IN_JSON, "sec-fetch-site": "same-site"}, "another site"),
    ],
)
def test_other_sites_ask_nothing(client: httpx.Client, headers: dict[str, str], said: str) -> None:
    """What the page of another site can have a browser send is refused, and starts no run."""
    before = client.get("/playground/api/runs").json()
    response = client.post("/playground/api/ask", content=json.dumps(QUESTION), headers=headers)
    assert response.status_code == 400
    assert said in response.json()["error"]["message"]
    assert client.get("/playground/api/runs").json() == before


def test_half_a_character_is_asked(client: httpx.Client) -> None:
    """A question that JSON gives with half a character is asked, answered and listed with U+FFFD in its place."""
    events = ask(client, question="Is it \ud83d?")
    assert events[0]["question"] == events[-1]["run"]["question"] == "Is it \ufffd?"
    assert client.get("/playground/api/runs").json()["runs"][0]["question"] == "Is it \ufffd?"


@pytest.mark.parametrize("changes", [{"mixture": "\ud83d"}, {"models": {"\ud83d": "\ud83d"}}])
def test_half_a_character_is_told(client: httpx.Client, changes: dict[str, Any]) -> None:
    """An error that repeats half a character of the request is an error in words."""
    response = client.post("/playground/api/ask", content=json.dumps({**QUESTION, **changes}), headers=IN_JSON)
    assert response.status_code == 400
    assert "\ufffd" in response.json()["error"]["message"]


def test_strange_files_do_no_harm(tmp_path: Path) -> None:
    """Files in the folder that hold no run are left out of the list, and each tells in words what is wrong with it."""
    names = [f"20260101T00000000000{number}-0123456789abcdef" for number in range(3)]
    (tmp_path / f"{names[0]}.json").write_bytes(b"\xff")
    (tmp_path / f"{names[1]}.json").mkdir()
    (tmp_path / f"{names[2]}.json").write_text("[]")
    with TestClient(playground(mixtures(), EarlierRuns(tmp_path))) as client:
        assert client.get("/playground/api/runs").json() == {"runs": []}
        assert [client.get(f"/playground/api/runs/{name}").status_code for name in names] == [400] * 3


@pytest.mark.parametrize("identifier", ["x", "..%2f..%2fetc%2fpasswd", "20260101T000000000000-0123456789abcdef", "%00"])
@pytest.mark.parametrize("what", ["", "/record"])
def test_an_unknown_run_is_not_found(client: httpx.Client, identifier: str, what: str) -> None:
    """An id that is unknown, or no id at all, is answered with 404."""
    assert client.get(f"/playground/api/runs/{identifier}{what}").status_code == 404


def test_the_files_of_the_page_are_all_served() -> None:
    """No file lies in the page's folder that nobody can get."""
    from langgraph_moa.playground import routes

    names = {path.name for path in (Path(routes.__file__).parent / "web").iterdir()}
    assert names - {"page.html"} == {path.rpartition("/")[2] for path in OPEN_PATHS if path != "/"}
