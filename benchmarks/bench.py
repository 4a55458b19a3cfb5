"""What every case works with: the provider, the contenders, and how often to repeat."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.limits import raise_file_limit
from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.opening import opened_workers
from benchmarks.provider import Provider, provider_process
from benchmarks.workers import Worker

OURS = ("moa", "gather", "fan_out", "reference", "serial")
"""Contenders of this environment, in the order of the tables."""


@dataclass
class Bench:
    """A run of the benchmarks."""

    provider: Provider
    workers: dict[str, Worker]
    """Contenders that run, by short name: those of `contenders/` first, then the peers."""
    broken: dict[str, str] = field(default_factory=dict)
    """Peers that cannot run, with the error."""
    is_quick: bool = False
    """Whether to show only that every case works: fewer repetitions, smaller shapes, and no figure worth telling."""

    def repeat(self, times: int) -> int:
        """Return how often to repeat what a whole run repeats so often."""
        return 2 if self.is_quick else times

    @property
    def peers(self) -> list[str]:
        """Peers that run."""
        return [name for name in self.workers if name not in OURS]


@contextmanager
def opened_bench(*, quick: bool = False, with_peers: bool = False) -> Iterator[Bench]:
    """Start the provider and every contender: those of this environment, and the peers in theirs."""
    raise_file_limit()  # before the processes begin, since they inherit it
    with ExitStack() as stack:
        provider = stack.enter_context(provider_process())
        python = Path(sys.executable)
        workers = {
            name: stack.enter_context(Worker(f"benchmarks.contenders.{name}", python, clean_environment()))
            for name in OURS
        }
        peers = stack.enter_context(opened_workers(clean_environment(), tuple(PEERS) if with_peers else ()))
        yield Bench(provider, {**workers, **peers.workers}, peers.broken, is_quick=quick)


def clean_environment() -> dict[str, str]:
    """Return the variables of a contender's process: nothing is traced, and nothing is proxied."""
    unwanted = ("LANGSMITH_", "LANGCHAIN_", "OPENAI_", "TOGETHER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {**kept, "LANGSMITH_TRACING": "false", "OPENAI_API_KEY": "benchmark", "NO_PROXY": "127.0.0.1,localhost"}
