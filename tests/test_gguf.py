"""Claims about GGUF files in slots, run by the real llama.cpp with random weights: its answers are noise."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from langgraph_moa import Aggregator, ChatMoA, Mixture, Proposer, create_moa
from langgraph_moa.errors import AggregatorError, ConfigurationError, MoAError
from langgraph_moa.gguf import chat_model, context_window, engines, problem
from langgraph_moa.gguf.files import file_of
from langgraph_moa.gguf.settings import EngineSettings, split_arguments
from langgraph_moa.preflight import problems
from langgraph_moa.prompts import AGGREGATE_AND_SYNTHESIZE
from langgraph_moa.testing import ScriptedChatModel
from tests.gguf_files import gguf, write_gguf

MISSING = [package for package in ("xllamacpp", "gguf") if find_spec(package) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed, or without a wheel here: {', '.join(MISSING)}")
ASKED = {"messages": [("user", "Why is the sky blue?")]}
SMALL = {"context_size": 2048, "threads": 1, "parallel": 3}
SAID = "Light of short wavelengths is scattered most by the molecules of the air. "


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Write two models, one of them under a name that is hard on paths."""
    from tests.contract.noise_model import write_noise_model

    here = tmp_path_factory.mktemp("models")
    write_noise_model(here / "tiny.gguf", seed=1)
    write_noise_model(here / "tíny two: b.gguf", seed=2)
    yield here
    engines.end_all()


def slot(path: Path, **options: Any) -> Proposer:
    """Return a proposer that asks a file for the likeliest tokens."""
    return Proposer(f"gguf:{path}", temperature=0.0, max_tokens=8, model_kwargs=SMALL, **options)


def writer(path: Path) -> Aggregator:
    """Return an aggregator of a file."""
    return Aggregator(f"gguf:{path}", temperature=0.0, max_tokens=8, model_kwargs=SMALL)


def test_a_mixture_of_files(folder: Path) -> None:
    """Three slots of two files and an aggregator answer, with their tokens counted; one engine runs each file."""
    one, two = folder / "tiny.gguf", folder / "tíny two: b.gguf"
    mixture = Mixture.of([slot(one, name="a"), slot(two, name="b"), slot(one, name="c")], writer(two))
    assert Mixture.from_dict(json.loads(json.dumps(mixture.to_dict()))) == mixture
    out = create_moa(mixture).invoke(ASKED)
    assert [proposal["status"] for proposal in out["proposals"]] == ["ok"] * 3
    assert [proposal["served_model"] for proposal in out["proposals"]] == [one.name, two.name, one.name]
    first, second, third = (proposal["text"] for proposal in out["proposals"])
    assert first == third != second
    assert out["messages"][-1].text.strip()
    assert out["messages"][-1].response_metadata["moa"]["usage"]["unknown"] == []
    assert len(engines._engines) == 2


async def test_from_several_loops_and_threads(folder: Path) -> None:
    """A file is asked from several threads, each with event loops of its own, and from a loop, by one engine."""
    graph = create_moa(Mixture.of([slot(folder / "tiny.gguf")], writer(folder / "tiny.gguf")))

    def in_loops_of_its_own() -> list[str]:
        return [asyncio.run(graph.ainvoke(ASKED))["messages"][-1].text for _ in range(2)]

    here = (await graph.ainvoke(ASKED))["messages"][-1].text
    threads = await asyncio.gather(*(asyncio.to_thread(in_loops_of_its_own) for _ in range(2)))
    assert threads == [[here] * 2] * 2


async def test_streams(folder: Path) -> None:
    """The aggregator's tokens arrive one by one, and add up to the answer."""
    model = ChatMoA(mixture=Mixture.of([slot(folder / "tiny.gguf")], writer(folder / "tiny.gguf")))
    pieces = [str(chunk.text) async for chunk in model.astream("Why is the sky blue?")]
    assert sum(bool(piece) for piece in pieces) > 2
    assert "".join(pieces) == (await model.ainvoke("Why is the sky blue?")).text


def test_in_a_schema(folder: Path) -> None:
    """Even random weights answer in a schema: the engine lets them say nothing else."""
    schema = {
        "title": "Verdict",
        "type": "object",
        "properties": {"best": {"type": "string", "enum": ["A", "B"]}},
        "required": ["best"],
        "additionalProperties": False,
    }
    final = Aggregator(f"gguf:{folder / 'tiny.gguf'}", temperature=0.0, max_tokens=64, model_kwargs=SMALL)
    model = ChatMoA(mixture=Mixture.of([slot(folder / "tiny.gguf")], final))
    assert model.with_structured_output(schema).invoke("Which is better?")["best"] in ("A", "B")


async def test_a_call_that_is_not_wanted_any_more(folder: Path) -> None:
    """A deadline ends a long answer, and the engine goes on with the next."""
    path = folder / "tiny.gguf"
    long = Proposer(f"gguf:{path}", temperature=0.0, max_tokens=1_900, model_kwargs=SMALL, timeout=0.2, name="long")
    out = await create_moa(Mixture.of([long, slot(path, name="short")], writer(path))).ainvoke(ASKED)
    assert [proposal["status"] for proposal in out["proposals"]] == ["timeout", "ok"]
    assert isinstance(out["messages"][-1], AIMessage)


def test_a_request_that_is_too_long(folder: Path) -> None:
    """A request beyond the context is a skipped proposal that says so, and no answer cut in silence."""
    path = folder / "tiny.gguf"
    tight = Proposer(f"gguf:{path}", max_tokens=8, model_kwargs={**SMALL, "context_size": 256}, name="tight")
    graph = create_moa(Mixture.of([tight, slot(path, name="wide")], writer(path)))
    out = graph.invoke({"messages": [("user", "Why? " * 200)]})
    assert [proposal["status"] for proposal in out["proposals"]] == ["skipped", "ok"]
    assert "its context window leaves 248" in out["proposals"][0]["error"]["message"]


def test_references_that_are_too_long(folder: Path) -> None:
    """References beyond a model's context are fitted to it, though nobody has said how long it is."""
    from tests.contract.noise_model import CONTEXT, write_noise_model

    path = folder / "words.gguf"
    write_noise_model(path, seed=3, words=f"{AGGREGATE_AND_SYNTHESIZE} {SAID}")
    proposers = [Proposer(ScriptedChatModel(replies=SAID * 200), name=name) for name in "ab"]
    merger = Aggregator(f"gguf:{path}", max_tokens=8, model_kwargs={"threads": 1, "parallel": 1})
    out = create_moa(Mixture.of(proposers, merger)).invoke(ASKED)
    answer = out["messages"][-1]
    assert answer.response_metadata["moa"]["shortened"] == ["aggregator"]
    assert CONTEXT // 2 < answer.usage_metadata["input_tokens"] < CONTEXT
    unfitted = create_moa(Mixture.of(proposers, replace(merger, context_window=10**6)))
    with pytest.raises(AggregatorError, match="exceeds the available context size"):
        unfitted.invoke(ASKED)


def test_the_window_of_a_seat(folder: Path) -> None:
    """A seat can take what it says, or what its file was made for, or its engine has; the least of its files counts."""
    file = f"gguf:{folder / 'tiny.gguf'}"
    assert context_window(Proposer(file)) == 4096
    assert context_window(Proposer(file, model_kwargs=SMALL)) == 2048
    assert context_window(Proposer(file, model_kwargs=SMALL, context_window=300)) == 300
    assert context_window(Proposer(file, model_kwargs={"context_size": 512}, fallbacks=[file])) == 512
    assert context_window(Proposer("gguf:missing.gguf", fallbacks=["openai:x", file])) == 4096
    assert context_window(Proposer("openai:x", fallbacks=[file])) is None
    assert context_window(Proposer("gguf:missing.gguf")) is None
    assert context_window(Aggregator(strategy="vote")) is None


@pytest.mark.parametrize(("said", "tokens"), [({**SMALL, "parallel": 1, "context_size": 8192}, 4096), (SMALL, 2048)])
def test_the_profile_of_a_file(folder: Path, said: dict[str, int], tokens: int) -> None:
    """A file's chat model says how many tokens it takes: those it was made for, or fewer where its engine has fewer."""
    assert chat_model(str(folder / "tiny.gguf"), **said).profile == {"max_input_tokens": tokens}


def test_a_link_keeps_its_name(folder: Path, tmp_path: Path) -> None:
    """A file behind a link is called by the link's name, as in the cache of Hugging Face, where the file's is none."""
    (tmp_path / "named.gguf").symlink_to(folder / "tiny.gguf")
    assert file_of(str(tmp_path / "named.gguf"))[0].name == "named.gguf"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("missing.gguf", None, "No such file"),
        ("weights.bin", b"PK\x03\x04", "no GGUF file"),
        ("empty.gguf", b"", "no GGUF"),
        ("headless.gguf", b"GGUF\x03\x00\x00\x00", "cut short"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: bytes | None, why: str) -> None:
    """A file that is not there, or not in GGUF, is told before any call, by its name."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    found = problems(Mixture.of([f"gguf:{path}"], f"gguf:{path}"))
    assert why in str(found[0].error)
    assert name in str(found[0].error)


def test_a_part_that_is_missing(tmp_path: Path) -> None:
    """A model in parts is told by the part that is not there, before any engine reads the first."""
    write_gguf(tmp_path / "big-00001-of-00002.gguf")
    assert "big-00002-of-00002.gguf is not there" in str(problem(str(tmp_path / "big-00001-of-00002.gguf")))


def test_a_folder_is_none(tmp_path: Path) -> None:
    """A folder is told from a file."""
    assert "it is a folder" in str(problem(str(tmp_path)))


def test_a_file_that_is_cut_short(folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A file that lacks weights is told by its length, before any engine reads it and prints; whole, it is loaded."""
    cut = tmp_path / "cut.gguf"
    cut.write_bytes((folder / "tiny.gguf").read_bytes()[:-1])
    with pytest.raises(ConfigurationError, match=r"cut\.gguf is cut short: it has [\d,]+ of [\d,]+ bytes"):
        chat_model(str(cut))
    assert capfd.readouterr().err == ""
    cut.write_bytes((folder / "tiny.gguf").read_bytes())
    assert chat_model(str(cut), context_size=512, threads=1).profile == {"max_input_tokens": 512}


def test_a_file_that_the_engine_does_not_know(tmp_path: Path) -> None:
    """A file that the engine cannot load is an error that says where the reason stands."""
    (tmp_path / "odd.gguf").write_bytes(gguf({"general.architecture": "odd", "odd.context_length": 512}, [4]))
    with pytest.raises(MoAError, match=r"cannot load odd\.gguf.*stderr"):
        chat_model(str(tmp_path / "odd.gguf"))


def test_settings() -> None:
    """Settings are the engine's or the client's; another one, or a wrong value, is refused with what is known."""
    assert split_arguments({"context_size": 512, "top_p": 0.5}) == (EngineSettings(context_size=512), {"top_p": 0.5})
    with pytest.raises(ConfigurationError, match=r"'n_ctx'.*context_size"):
        split_arguments({"n_ctx": 512})
    with pytest.raises(ConfigurationError, match="context_size"):
        EngineSettings(context_size=1)


def test_a_process_ends(folder: Path) -> None:
    """A process that has asked a file ends by itself, and prints nothing that was not asked for."""
    script = f"""
from langgraph_moa import Aggregator, ChatMoA, Mixture, Proposer
model = "gguf:{folder / "tiny.gguf"}"
mixture = Mixture.of([Proposer(model, max_tokens=4)], Aggregator(model, max_tokens=4, temperature=0.0))
print(len(ChatMoA(mixture=mixture).invoke("Hello").text) > 0)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "True\n", "")
