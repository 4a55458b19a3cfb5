"""Claims about what is found on this machine."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from langgraph_moa import create_moa, load_preset
from langgraph_moa.discovery import Finding, LocalModel, Places, find_local_models
from langgraph_moa.presets.local import local_mixture, said_of
from langgraph_moa.testing import Behaviour, Simulator
from tests.gguf_files import write_gguf

NOWHERE = Places(None, (), ())
needs_engine = pytest.mark.skipif(find_spec("xllamacpp") is None, reason="files are looked for where they can be run")


@contextmanager
def saying(answers: dict[str, Any], *, elsewhere: str | None = None) -> Iterator[str]:
    """Run a server that answers each path with JSON, or with bytes as they are, or sends everybody elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path)
            self.send_response(302 if elsewhere else 404 if found is None else 200)
            self.send_header("Location", elsewhere or "")
            self.end_headers()
            self.wfile.write(found if isinstance(found, bytes) else json.dumps(found).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def free_url() -> str:
    """Return the address of a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_servers_and_files_are_found(tmp_path: Path) -> None:
    """Ollama's models, those of a server with OpenAI's protocol and GGUF files are found, but none that cannot chat."""
    for name in ("small.gguf", "big-00001-of-00002.gguf", "big-00002-of-00002.gguf", "mmproj-x.gguf", "notes.txt"):
        write_gguf(tmp_path / name)
    tags = {
        "models": [
            {"name": "llama3.2:3b", "size": 2_000},
            {"name": "nomic-embed-text", "size": 1},
            {"name": " "},
            "odd",
        ]
    }
    listed = {"data": [{"id": "qwen"}, {"id": "panel", "owned_by": "langgraph-moa"}, {"no": "id"}]}
    with saying({"/api/tags": tags}) as ollama, saying({"/v1/models": listed}) as server:
        found = find_local_models(Places(ollama, (f"{server}/v1",), (str(tmp_path),)))
    assert [(model.provider, Path(model.name).name, model.base_url) for model in found.models] == [
        ("openai", "llama3.2:3b", f"{ollama}/v1"),
        ("openai", "qwen", f"{server}/v1"),
        ("gguf", "big-00001-of-00002.gguf", None),
        ("gguf", "small.gguf", None),
    ]
    assert "found 1 at" in str(found)
    big, small = found.models[2:]
    assert (big.size, big.context) == (2 * (small.size or 0), small.context)


@needs_engine
def test_files_that_cannot_be_run_are_left_out(tmp_path: Path) -> None:
    """A file that is cut short, is none, or lacks a part is left out, and what is said names it and the reason."""
    write_gguf(tmp_path / "cut.gguf", cut=5)
    (tmp_path / "junk.gguf").write_bytes(b"none")
    write_gguf(tmp_path / "part-00001-of-00002.gguf")
    write_gguf(tmp_path / "torn-00001-of-00002.gguf")
    write_gguf(tmp_path / "torn-00002-of-00002.gguf", cut=5)
    write_gguf(tmp_path / "odd-00001-of-00000.gguf")
    found = find_local_models(Places(None, (), (str(tmp_path),)))
    assert [Path(model.name).name for model in found.models] == ["odd-00001-of-00000.gguf"]
    cut, junk, part, torn = found.left_out
    assert "cut.gguf is cut short" in cut
    assert "junk.gguf is no GGUF file" in junk
    assert "part-00002-of-00002.gguf is not there" in part
    assert "torn-00002-of-00002.gguf is cut short" in torn
    assert cut in said_of(found, local_mixture(found))


@needs_engine
@pytest.mark.parametrize(
    ("variable", "below"),
    [
        ("HF_HUB_CACHE", ""),
        ("HF_HOME", "hub"),
        ("XDG_CACHE_HOME", "huggingface/hub"),
        ("HOME", ".cache/huggingface/hub"),
    ],
)
def test_what_hugging_face_has_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, below: str
) -> None:
    """Files in the cache of Hugging Face are found by their own names, once each, wherever the cache is."""
    model = tmp_path / below / "models--org--tiny"
    (model / "blobs").mkdir(parents=True)
    blob = write_gguf(model / "blobs" / "0a1b")
    write_gguf(model / "blobs" / "passed.gguf")
    for revision in ("first", "second"):
        (model / "snapshots" / revision).mkdir(parents=True)
        (model / "snapshots" / revision / "tiny.gguf").symlink_to(blob)
    (model / "snapshots" / "first" / "gone.gguf").symlink_to(model / "blobs" / "not-there")
    data = tmp_path / below / "datasets--org--texts"
    data.mkdir()
    write_gguf(data / "text.gguf")
    monkeypatch.setenv("HOME", str(tmp_path))
    *_, cache = Places.of_environment({variable: str(tmp_path)}).folders
    found = find_local_models(Places(None, (), (cache,)))
    assert [model.name for model in found.models] == [str(model / "snapshots" / "first" / "tiny.gguf")]


@pytest.mark.parametrize(
    ("context", "lengths"), [(None, (1024, 2048)), (32_768, (1024, 2048)), (4096, (1024, 1024)), (2048, (512, 512))]
)
def test_answers_leave_room_for_what_is_asked(context: int | None, lengths: tuple[int, int]) -> None:
    """A model that was made for short texts answers with less, so that its context has room for references."""
    mixture = local_mixture(Finding((LocalModel("tiny.gguf", "gguf", None, 1, context),)))
    assert mixture is not None
    assert (mixture.seats[0].max_tokens, mixture.merger.max_tokens) == lengths


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[" * 10_000, {"models": 3}, {"data": {"id": "x"}}, ["x"], None])
def test_other_answers_are_no_models(answer: object) -> None:
    """A server that says something else, or nobody at all, is no error and no model."""
    with saying({"/api/tags": answer, "/v1/models": answer}) as url:
        found = find_local_models(Places(url, (f"{url}/v1", f"{free_url()}/v1"), ("/no/such/folder",)))
    assert found.models == ()
    assert "no language model was found" in str(found)
    assert url in str(found)


@pytest.mark.parametrize(
    ("environment", "ollama", "first"),
    [
        ({}, "http://127.0.0.1:11434", "http://127.0.0.1:8080/v1"),
        ({"OLLAMA_HOST": "0.0.0.0:9000"}, "http://127.0.0.1:9000", "http://127.0.0.1:8080/v1"),
        ({"OLLAMA_HOST": "http://localhost"}, "http://localhost:11434", "http://127.0.0.1:8080/v1"),
        ({"OLLAMA_HOST": "gpu.example.org"}, None, "http://127.0.0.1:8080/v1"),
        (
            {"LANGGRAPH_MOA_LOCAL_BASE_URL": "http://[::1]:7000/v1"},
            "http://127.0.0.1:11434",
            "http://[::1]:7000/v1",
        ),
        (
            {"LANGGRAPH_MOA_LOCAL_BASE_URL": "https://example.org/v1"},
            "http://127.0.0.1:11434",
            "http://127.0.0.1:8080/v1",
        ),
    ],
)
def test_no_other_machine_is_asked(environment: dict[str, str], ollama: str | None, first: str) -> None:
    """The environment adds places on this machine, and no others."""
    places = Places.of_environment(environment)
    assert (places.ollama, places.servers[0]) == (ollama, first)
    assert Places.of_environment({**environment, "LANGGRAPH_MOA_LOCAL": "off"}) == NOWHERE


def test_no_redirection_is_followed() -> None:
    """A server that sends the asker elsewhere is none."""
    listed = {"data": [{"id": "elsewhere"}]}
    with saying({"/v1/models": listed}) as other, saying({}, elsewhere=f"{other}/v1/models") as server:
        assert find_local_models(Places(None, (f"{server}/v1",), ())).models == ()


def test_what_speaks_no_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service with another protocol, a malformed address and a folder that cannot be are no models and no errors."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        speaking = Thread(target=greet, args=(listening,))
        speaking.start()
        found = find_local_models(
            Places(None, (f"http://127.0.0.1:{port}/v1", "http://127.0.0.1:zz/v1"), ("~nobody/x",))
        )
        speaking.join()
    assert found.models == ()
    assert Places.of_environment({"OLLAMA_HOST": "127.0.0.1:99999"}).ollama is None


def test_a_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment learns nothing of what is looked for here."""
    with saying({"/v1/models": {"data": [{"id": "here"}]}}) as server:
        monkeypatch.setenv("http_proxy", free_url())
        assert [model.name for model in find_local_models(Places(None, (f"{server}/v1",), ())).models] == ["here"]


def greet(listening: socket.socket) -> None:
    """Greet one client as another protocol does."""
    connection, _ = listening.accept()
    with connection:
        connection.sendall(b"SSH-2.0-x\r\n")


def models(*sizes: int | None) -> tuple[LocalModel, ...]:
    """Return models of Ollama, named by their sizes."""
    return tuple(LocalModel(f"m{size}", "ollama", None, size) for size in sizes)


@pytest.mark.parametrize(
    ("sizes", "proposers", "merger"),
    [
        ((5,), ["ollama:m5"], "ollama:m5"),
        ((5, 9), ["ollama:m9", "ollama:m5"], "ollama:m9"),
        ((1, 9, 5), ["ollama:m5", "ollama:m1"], "ollama:m9"),
        ((1, 2, 3, 4, 5), ["ollama:m4", "ollama:m3", "ollama:m2"], "ollama:m5"),
    ],
)
def test_the_largest_merges(sizes: tuple[int, ...], proposers: list[str], merger: str) -> None:
    """The largest model merges and the next three propose; of two, both propose, and one alone proposes three times."""
    finding = Finding(models(*sizes))
    mixture = local_mixture(finding)
    assert mixture is not None
    slots = mixture.slots[0]
    assert list(dict.fromkeys(str(slot.proposer.model) for slot in slots)) == proposers
    assert len(slots) == (3 if len(sizes) == 1 else len(proposers))
    assert mixture.merger.model == merger
    assert {key: limit.concurrency for key, limit in mixture.effective_limits.items()} == {"ollama": 1}
    assert merger.removeprefix("ollama:") in said_of(finding, mixture)


def test_nothing_was_found() -> None:
    """With nothing there, the preset is the recipe as written, and what is said names every place and what to do."""
    assert local_mixture(Finding()) is None
    said = said_of(Finding(looked=("http://127.0.0.1:1",)), None)
    assert "http://127.0.0.1:1" in said
    assert "LANGGRAPH_MOA_GGUF_FOLDER" in said


def test_the_preset_asks_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """`load_preset("local")` is made of the models of a server that runs here, and its graph asks them."""
    with Simulator(Behaviour(reply="from this machine")) as provider:
        listing = {"/v1/models": {"data": [{"id": "one"}, {"id": "two"}, {"id": "three"}]}}
        with saying(listing) as server:
            found = find_local_models(Places(None, (f"{server}/v1",), ()))
        here = Finding(tuple(LocalModel(model.name, "openai", provider.url) for model in found.models))
        monkeypatch.setattr("langgraph_moa.presets.find_local_models", lambda: here)
        out = create_moa(load_preset("local")).invoke({"messages": [("user", "Hello")]})
        assert out["messages"][-1].text == "from this machine"
        assert [request.model for request in provider.requests][-1] == "one"
