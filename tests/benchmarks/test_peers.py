"""Claims about the peers' catalogue, their environments, and what their errors tell. No environment is made here."""

from __future__ import annotations

import ast
import re
import string
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.bench import clean_environment
from benchmarks.peers import environments, errors
from benchmarks.peers.catalogue import FOLDER, PEERS, Peer
from benchmarks.peers.environments import NotReady, Ready, ready, stamp_of
from benchmarks.peers.jobs import address, as_query
from benchmarks.peers.opening import opened_workers, variables
from benchmarks.protocol import Job

NAMES = st.text(string.ascii_letters + string.digits + "_-+", min_size=1, max_size=12)
FOLDERS = st.lists(NAMES.map("q".__add__), min_size=1, max_size=5)
WORDS = st.text(string.ascii_lowercase, min_size=1, max_size=8)
PEER = PEERS["mixture_llm"]


def _constant(peer: Peer, name: str) -> object:
    """Return what a contender's module assigns, without importing what it needs."""
    tree = ast.parse(FOLDER.joinpath(peer.name, "contender.py").read_text(encoding="utf-8"))
    values = [node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name]
    return ast.literal_eval(values[0])


def _imported(module: Path) -> set[str]:
    """Return the modules that a file imports, wherever it does."""
    nodes = list(ast.walk(ast.parse(module.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


def _pinned(peer: Peer) -> list[str]:
    files = [path for path in (peer.requirements, peer.without_dependencies) if path.exists()]
    return [line for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def _standing(peer: Peer, folder: Path) -> None:
    """Write down that a peer's environment is there, with this interpreter and none of its packages."""
    place = folder / peer.name
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").symlink_to(sys.executable)
    (place / "stamp").write_text(stamp_of(peer), encoding="utf-8")


def _failing_python(path: Path, does: str) -> str:
    path.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_every_folder_is_in_the_catalogue() -> None:
    """Whoever has a contender here is a peer of the catalogue, and no other."""
    assert {path.parent.name for path in FOLDER.glob("*/contender.py")} == set(PEERS)


@pytest.mark.parametrize("peer", PEERS.values(), ids=str)
def test_requirements_are_pinned(peer: Peer) -> None:
    """Each line of a peer's requirements names one release: no address, no option, no range."""
    assert _pinned(peer)
    assert [line for line in _pinned(peer) if not re.fullmatch(r"[a-z0-9-]+(\[[a-z,]+\])?==[0-9.]+", line)] == []


@pytest.mark.parametrize("peer", PEERS.values(), ids=str)
def test_a_contender_is_called_as_its_row(peer: Peer) -> None:
    """A contender has the name that the catalogue gives its row, also where it cannot run."""
    assert _constant(peer, "NAME") == peer.title


@pytest.mark.parametrize("module", sorted(FOLDER.glob("*/contender.py")), ids=lambda path: path.parent.name)
def test_a_contender_needs_nothing_of_this_project(module: Path) -> None:
    """A peer's environment has the standard library, the peer, and of this tree what imports no more than that."""
    ours = {name for name in _imported(module) if name.startswith(("benchmarks", "lang"))}
    assert ours <= {f"benchmarks.peers.{name}" for name in ("jobs", "threads", "llama_index.contender")} | {
        "benchmarks.protocol"
    }


@pytest.mark.parametrize("name", ["__init__", "jobs", "threads"])
def test_what_contenders_share_is_standard(name: str) -> None:
    """What peers' processes import of this folder needs no package that is installed."""
    outside = {imported.split(".")[0] for imported in _imported(FOLDER / f"{name}.py")} - sys.stdlib_module_names
    assert outside <= {"benchmarks"}


@given(FOLDERS, NAMES, WORDS)
def test_no_folder_is_told(folders: list[str], last: str, word: str) -> None:
    """Of a path only the last name stays, and the words beside it."""
    told = errors.cleaned(f"{word} '/{'/'.join(folders)}/{last}'")
    assert told == f"{word} '{last}'"


@given(st.sampled_from(["http", "https", "file", "git+ssh"]), FOLDERS, WORDS)
def test_no_address_is_told(scheme: str, parts: list[str], word: str) -> None:
    """No address stays, whatever its scheme."""
    told = errors.cleaned(f"{word} {scheme}://user:key@{'.'.join(parts)}:8080/simple {word}")
    assert told == f"{word} (address) {word}"


def test_no_host_is_told() -> None:
    """What a connection names beside an address goes too."""
    told = errors.cleaned("HTTPSConnectionPool(host='index.corp', port=1): Failed to resolve 'index.corp' 10.0.0.7:80")
    assert told == "HTTPSConnectionPool(host=(host), port=1): Failed to resolve (host) (address)"


@pytest.mark.parametrize(
    "error",
    [
        "ModuleNotFoundError: No module named 'llama_index.core.llama_pack'",
        "No matching distribution found for z3-solver==4.15.4.0",
    ],
)
def test_the_error_itself_is_told(error: str) -> None:
    """Modules, names and versions stay as they are."""
    assert errors.cleaned(error) == error


@given(
    st.lists(st.tuples(st.sampled_from(["Looking in indexes: ", "Looking in links: ", "WARNING: Location "]), WORDS))
)
def test_where_the_installer_looks_is_not_told(lines: list[tuple[str, str]]) -> None:
    """Of an installer's output, only errors and what they are caused by are told."""
    output = [f"{beginning}https://{word}/simple" for beginning, word in lines]
    told = errors.of_installer(
        "\n".join([*output, "ERROR: ResolutionImpossible (from versions: 1, 2)", "    a 1.0 depends on b<2", *output])
    )
    assert told == "ResolutionImpossible | a 1.0 depends on b<2"


def test_a_silent_installer_is_told() -> None:
    """An installer that fails without a word has given no reason."""
    assert errors.of_installer("Collecting a\n") == "the installer gave no reason"


@given(st.lists(WORDS, min_size=2))
def test_a_conversation_is_one_text(contents: list[str]) -> None:
    """A peer that takes one text gets every message, in order, with its role."""
    roles = ["user", "assistant"] * len(contents)
    told = [{"role": role, "content": content} for role, content in zip(roles, contents, strict=False)]
    assert as_query(told).split("\n\n") == [f"{message['role']}: {message['content']}" for message in told]


@given(st.text())
def test_one_question_is_asked_as_it_is(question: str) -> None:
    """A single message is the text."""
    assert as_query([{"role": "user", "content": question}]) == question


def test_a_peer_asks_nobody_else() -> None:
    """A job without an address is refused, since clients have addresses of their own."""
    with pytest.raises(ValueError, match=r"set Job\.url to the address"):
        address(Job(layers=[["m"]], aggregator="m"))


def test_a_stamp_tells_peers_apart() -> None:
    """Environments with other requirements have other stamps."""
    assert len({stamp_of(peer) for peer in PEERS.values()}) == len(PEERS)


def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the stamp is the peer's, nothing is installed."""
    _standing(PEER, tmp_path)
    monkeypatch.setattr(environments, "_make", pytest.fail)
    assert ready(PEER, tmp_path) == Ready(tmp_path / PEER.name / "bin/python", tmp_path / PEER.name / "home")


def test_an_old_environment_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the stamp is another, the environment is made again, and a failure is not stamped."""
    _standing(PEER, tmp_path)
    (tmp_path / PEER.name / "stamp").write_text("of other requirements", encoding="utf-8")
    python = _failing_python(tmp_path / "python", "echo 'ERROR: no b<2 in /q1/q2/b'; exit 1")
    monkeypatch.setattr(sys, "executable", python)
    assert ready(PEER, tmp_path) == NotReady("no b<2 in b")
    assert (tmp_path / PEER.name / "stamp").read_text(encoding="utf-8") != stamp_of(PEER)


def test_an_environment_has_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installer that does not end is ended."""
    monkeypatch.setattr(sys, "executable", _failing_python(tmp_path / "python", "exec sleep 60"))
    assert ready(PEER, tmp_path, seconds=0.1) == NotReady("the environment took too long to make")


def test_a_peer_that_cannot_be_imported_is_told(tmp_path: Path) -> None:
    """A peer whose module does not import is broken, with the error, and stops no other."""
    for name in ("mixture_llm", "llm_council"):
        _standing(PEERS[name], tmp_path)
    with opened_workers(clean_environment(), ["mixture_llm", "llm_council"], tmp_path) as peers:
        assert peers.workers == {}
        assert peers.broken == {
            "mixture_llm": "ModuleNotFoundError: No module named 'mixture_llm'",
            "llm_council": "ModuleNotFoundError: No module named 'llm_council'",
        }


def test_a_peer_writes_at_home(tmp_path: Path) -> None:
    """Folders that a peer writes to are in its environment."""
    found = variables(PEERS["swarms"], Ready(tmp_path / "python", tmp_path))
    assert (found["HOME"], found["WORKSPACE_DIR"]) == (str(tmp_path), str(tmp_path / "workspace"))
