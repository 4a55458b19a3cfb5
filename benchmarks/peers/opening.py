"""The workers of all peers, each in its environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers import errors
from benchmarks.peers.catalogue import PEERS, Peer
from benchmarks.peers.environments import ENVIRONMENTS, NotReady, Ready, all_ready
from benchmarks.workers import ContenderError, Worker


@dataclass(frozen=True)
class OpenedPeers:
    """Peers, by name, in the order of the catalogue."""

    workers: dict[str, Worker] = field(default_factory=dict)
    """Those that run."""
    broken: dict[str, str] = field(default_factory=dict)
    """Those that cannot be installed or imported, with the error."""


@contextmanager
def opened_workers(
    environment: Mapping[str, str], names: Sequence[str] = tuple(PEERS), folder: Path = ENVIRONMENTS
) -> Iterator[OpenedPeers]:
    """Make the environments that are missing, and start a worker in each; end them with the block.

    ```python
    with opened_workers(clean_environment()) as peers:
        bench = Bench(provider, {**workers, **peers.workers}, peers.broken)
    ```

    What a row of a table says beside the figures stands in the catalogue: `PEERS[name].shape_note`.

    Args:
        environment: Variables of every process, to which the peer's own are added.
        names: Peers of the catalogue.
        folder: Holds the environments.
    """
    opened = OpenedPeers()
    with ExitStack() as stack:
        for name, place in all_ready([PEERS[name] for name in names], folder).items():
            if isinstance(place, NotReady):
                opened.broken[name] = place.error
                continue
            worker = Worker(PEERS[name].module, place.python, {**environment, **variables(PEERS[name], place)})
            try:
                opened.workers[name] = stack.enter_context(worker)
            except ContenderError as error:
                worker.__exit__(None, None, None)
                opened.broken[name] = errors.of_worker(str(error))
        yield opened


def variables(peer: Peer, place: Ready) -> dict[str, str]:
    """Return the variables that a peer's process has of its own."""
    home = str(place.home)
    return {"HOME": home, **{name: value.replace("{home}", home) for name, value in peer.variables.items()}}
