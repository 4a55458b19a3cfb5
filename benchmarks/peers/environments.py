"""An environment of its own for every peer, made once and kept until its requirements change."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import errors
from benchmarks.peers.catalogue import Peer

ENVIRONMENTS = Path(__file__).parents[1] / ".environments"
_AT_ONCE = 2
"""Environments that are made at the same time."""
_SECONDS = 600.0


@dataclass(frozen=True)
class Ready:
    """An environment that has what its peer requires."""

    python: Path
    home: Path
    """A folder that the peer may write to."""


@dataclass(frozen=True)
class NotReady:
    """An environment that could not be made."""

    error: str
    """What the installer says, without addresses and paths."""


class _InstallationError(Exception):
    """A step of making an environment has failed."""


def all_ready(peers: Iterable[Peer], folder: Path = ENVIRONMENTS) -> dict[str, Ready | NotReady]:
    """Make what is not there yet, two at the same time; by name of the peer."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = {peer.name: pool.submit(ready, peer, folder) for peer in peers}
        return {name: future.result() for name, future in found.items()}


def ready(peer: Peer, folder: Path = ENVIRONMENTS, *, seconds: float = _SECONDS) -> Ready | NotReady:
    """Make a peer's environment, unless it is there already.

    Args:
        peer: Of the catalogue.
        folder: Holds an environment for every peer.
        seconds: That may be spent on all of it.
    """
    place = folder / peer.name
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp, wanted = place / "stamp", stamp_of(peer)
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        try:
            _make(peer, place, python, time.monotonic() + seconds)
        except _InstallationError as error:
            return NotReady(str(error))
        stamp.write_text(wanted, encoding="utf-8")
    home = place / "home"
    home.mkdir(exist_ok=True)
    return Ready(python, home)


def stamp_of(peer: Peer) -> str:
    """Return what changes with the peer's requirements and with this Python."""
    files = [path.read_bytes() for path in (peer.requirements, peer.without_dependencies) if path.exists()]
    return hashlib.sha256(b"\0".join([platform.python_version().encode(), *files])).hexdigest()


def _make(peer: Peer, place: Path, python: Path, deadline: float) -> None:
    _run([sys.executable, "-m", "venv", "--clear", str(place)], deadline)
    pip = [str(python), "-m", "pip", "--no-input", "--disable-pip-version-check", "install", "--progress-bar", "off"]
    _run([*pip, "-r", str(peer.requirements)], deadline)
    if peer.without_dependencies.exists():
        _run([*pip, "--no-deps", "-r", str(peer.without_dependencies)], deadline)


def _run(command: Sequence[str], deadline: float) -> None:
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        try:
            code = subprocess.call(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=max(deadline - time.monotonic(), 0),
            )
        except subprocess.TimeoutExpired:
            raise _InstallationError("the environment took too long to make") from None
        if code:
            output.seek(0)
            raise _InstallationError(errors.of_installer(output.read()))
