"""(l) Twice as wide, twice as deep, twice as long a history: what does it take?"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.bench import Bench
from benchmarks.protocol import Job, Result
from benchmarks.reports import CaseReport, Column, Row, Target
from benchmarks.trials import AGGREGATOR, answered, ratio
from benchmarks.turns import processor_milliseconds

_WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128)
_LAYERS = (1, 2, 4, 8)
_HISTORIES = (1_000, 4_000, 16_000, 64_000, 256_000)
_TURNS, _IN_FLIGHT, _WAITING = 3, 40, 0.5
_MESSAGE = 1_000


@dataclass(frozen=True)
class Size:
    """One shape."""

    kind: str
    size: int
    width: int
    layers: int
    characters: int = 0

    @property
    def name(self) -> str:
        """Name of the row."""
        return f"{self.kind} {self.size:,}"

    def job(self, **fields: Any) -> Job:  # noqa: ANN401 - fields of `Job`
        """Return a job of this shape, with models in process."""
        names = [f"m{number}" for number in range(self.width)]
        said = [
            {"role": role, "content": "x" * _MESSAGE}
            for role in itertools.islice(itertools.cycle(("user", "assistant")), 2 * (self.characters // _MESSAGE // 2))
        ]
        conversation = [*said, {"role": "user", "content": "Why?"}]
        return Job(
            layers=[names] * self.layers,
            aggregator=AGGREGATOR,
            conversations=[conversation],
            **fields,
        )


_SIZES = (
    *(Size("width", width, width, 1) for width in _WIDTHS),
    *(Size("layers", layers, 4, layers) for layers in _LAYERS),
    *(Size("history", length, 4, 1, length) for length in _HISTORIES),
)


def run(bench: Bench) -> CaseReport:
    """Measure each size: the processor time of a mixture, and the memory of one that waits."""
    table = [Row(contender=size.name, values=_figures(bench, size)) for size in _SIZES]
    return CaseReport(
        case="growth",
        title="Growth with width, depth and history",
        setting=(
            f"Models in process that take no time, the least of {_TURNS} turns; the time of the calls alone is that of "
            f"the bare gather, and ours is what is above it. Memory: the peak of {_IN_FLIGHT} mixtures that all wait, "
            "each. Width: one layer. Depth: layers of four proposers, one fewer than stages of model calls, so 2 to 9 "
            "of those. History: characters of the "
            "conversation, four proposers."
        ),
        columns=[
            Column(name="time", unit="ms", digits=2),
            Column(name="bare gather", unit="ms", digits=2),
            Column(name="ours", unit="ms", digits=2),
            Column(name="memory", unit="KB", digits=0),
        ],
        rows=table,
        targets=[
            target
            for kind in ("width", "layers")
            for name in ("ours", "memory")
            for target in _doubled(kind, name, table)
        ],
    )


def _figures(bench: Bench, size: Size) -> Mapping[str, float | None]:
    mixtures = max(10, 256 // (size.width * size.layers))
    job = size.job(mixtures=mixtures, warm_up=2)
    ours, bare = (
        min(processor_milliseconds(answered(bench.workers[name].run(job))) for _ in range(bench.repeat(_TURNS)))
        for name in ("moa", "gather")
    )
    return {"time": ours, "bare gather": bare, "ours": ours - bare, "memory": _waiting(bench, size)}


def _waiting(bench: Bench, size: Size) -> float | None:
    """Return the KB of a mixture that waits, in a process that holds nothing of other jobs."""
    worker = bench.workers["moa"]
    worker.restart()
    job = size.job(mixtures=_IN_FLIGHT, concurrency=_IN_FLIGHT, delay=_WAITING)
    result: Result = answered(worker.run(job))
    return None if result.memory is None else result.memory / 1024 / _IN_FLIGHT


def _doubled(kind: str, column: str, table: Sequence[Row]) -> list[Target]:
    """Return what the worst doubling made of a figure, and what all of them together did."""
    sizes = [size for size in _SIZES if size.kind == kind]
    values = [row.values.get(column) for row in table if row.contender in {size.name for size in sizes}]
    steps = [found for less, more in itertools.pairwise(values) if (found := ratio(more, less)) is not None]
    whole, times = ratio(values[-1], values[0]), sizes[-1].size / sizes[0].size
    return [
        Target(
            what=f"{column}, twice the {kind}: the worst step",
            measured=max(steps, default=None),
            bound=2.0,
            sense="at most",
        ),
        Target(
            what=f"{column} from {kind} {sizes[0].size} to {sizes[-1].size}",
            measured=whole,
            bound=times,
            sense="at most",
        ),
    ]
