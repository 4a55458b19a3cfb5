"""What callbacks tell of runs, kept as a tree until somebody asks for a record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langgraph_moa.events import ProgressEvent


@dataclass(slots=True)
class Heard:
    """One run that callbacks have told of: of a graph, a node, a chain or a model. Times are of a monotonic clock."""

    identifier: UUID
    parent: UUID | None
    root: UUID
    is_model: bool
    metadata: Mapping[str, Any]
    name: str | None
    given: Any
    began: float
    ended: float | None = None
    gave: Any = None
    error: BaseException | None = None
    first_token: float | None = None
    events: list[tuple[float, ProgressEvent]] = field(default_factory=list)
    """What a mixture's node has told of itself."""


@dataclass(frozen=True, slots=True)
class HeardMixture:
    """One run of a mixture that is no part of another one's."""

    graph: Heard
    started_at: float
    """Unix time, in seconds."""
    tree: Tree
    """Of a moment: what is heard later is not in it."""

    @property
    def nodes(self) -> list[Heard]:
        """Those of its graph, in the order in which they began."""
        return self.tree.children(self.graph.identifier)

    @property
    def events(self) -> list[tuple[float, ProgressEvent]]:
        """What its nodes have told, in turn."""
        return sorted((each for node in self.nodes for each in node.events), key=lambda each: each[0])


class Tree:
    """Runs by their ids, each below the one that called it.

    Args:
        runs: In the order in which they began.
    """

    def __init__(self, runs: Iterable[Heard] = ()) -> None:
        self._runs = {run.identifier: run for run in runs}
        self._below: dict[UUID | None, list[Heard]] = {}
        for run in self._runs.values():
            self._below.setdefault(run.parent, []).append(run)

    def children(self, identifier: UUID) -> list[Heard]:
        """Return the runs that a run has called itself."""
        return self._below.get(identifier, [])

    def is_mixture(self, run: Heard) -> bool:
        """Say whether a run is that of a mixture's graph: its nodes tell of themselves."""
        return any(child.events for child in self.children(run.identifier))

    def mixtures(self) -> list[Heard]:
        """Return the graphs of mixtures that are no part of another mixture's run, in the order in which they began."""
        return [run for run in self._runs.values() if self.is_mixture(run) and not self._is_within(run)]

    def _is_within(self, run: Heard) -> bool:
        return any(map(self.is_mixture, self._above(run)))

    def _above(self, run: Heard) -> Iterator[Heard]:
        parent = run.parent
        while parent is not None and parent in self._runs:
            run = self._runs[parent]
            yield run
            parent = run.parent
