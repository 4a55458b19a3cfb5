"""How long a mixture takes beside its critical path: the sum over stages of the slowest call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.peers.catalogue import PEERS
from benchmarks.protocol import Job
from benchmarks.reports import CaseReport, Column, Row, Target
from benchmarks.trials import AGGREGATOR, Arm, arms
from benchmarks.turns import Turns, in_turn, mixture_seconds, rows
from langgraph_moa.testing import Behaviour

DELAY = 0.2
"""Seconds that every call takes."""


@dataclass(frozen=True, kw_only=True)
class PathCase:
    """One shape, in process and over HTTP."""

    case: str
    title: str
    layers: Sequence[Sequence[str]]
    contenders: Sequence[str]
    of_path: float
    """How many times the path a run may take with models in process."""
    of_gather: float
    """How many times the bare gather a run may take over HTTP."""
    times: int = 7
    of_peers: int = 2

    def run(self, bench: Bench) -> CaseReport:
        """Measure every contender, one mixture at a time."""
        own = [Arm(contender=name) for name in self.contenders]
        inside = in_turn(bench, own, lambda _: self._job(None), times=self.times, of_peers=1, seconds=60)
        everyone = arms(bench, *own)
        with bench.provider.serving(Behaviour(delay=DELAY)) as url:
            over = in_turn(
                bench, everyone, lambda _: self._job(url), times=self.times, of_peers=self.of_peers, seconds=60
            )
        table = rows(bench, everyone, lambda name: self._values(name, inside, over), inside, over)
        return CaseReport(
            case=self.case,
            title=self.title,
            setting=self._setting(),
            columns=_COLUMNS,
            rows=table,
            targets=self._targets(bench, table),
        )

    @property
    def path(self) -> float:
        """Seconds where nothing but models takes time."""
        return DELAY * (len(self.layers) + 1)

    def _job(self, url: str | None) -> Job:
        return Job(
            layers=[list(layer) for layer in self.layers],
            aggregator=AGGREGATOR,
            url=url,
            delay=DELAY,
            warm_up=1,
        )

    def _values(self, name: str, inside: Turns, over: Turns) -> Mapping[str, float | None]:
        in_process, seconds = inside.median(name, mixture_seconds), over.median(name, mixture_seconds)
        return {
            "in process": in_process,
            "of the path": None if in_process is None else in_process / self.path,
            "over HTTP": seconds,
            "HTTP, of the path": None if seconds is None else seconds / self.path,
            "of the gather": over.ratio(name, "gather", mixture_seconds),
            "worst": over.worst(name, mixture_seconds),
        }

    def _setting(self) -> str:
        shape = "+".join(str(len(layer)) for layer in self.layers)
        return (
            f"{shape}+1 calls of {DELAY:g} s, one mixture at a time; the critical path is {self.path:g} s. Medians of "
            f"{self.times} turns ({self.of_peers} of peers); ratios to the bare gather are medians of pairs."
        )

    def _targets(self, bench: Bench, table: Sequence[Row]) -> list[Target]:
        ours = table[0].values
        same = [name for name in bench.peers if not PEERS[name].has_own_calls]
        seconds = [row.values.get("over HTTP") for row in table if row.contender in same]
        best = min((value for value in seconds if value is not None), default=None)
        found = [
            Target(
                what="in process / critical path",
                measured=ours.get("of the path"),
                bound=self.of_path,
                sense="at most",
            ),
            Target(
                what="over HTTP / bare gather over default clients",
                measured=ours.get("of the gather"),
                bound=self.of_gather,
                sense="at most",
            ),
        ]
        own = ours.get("over HTTP")
        if best is not None and own is not None:
            what = "over HTTP / the best peer that makes the same calls"
            found.append(Target(what=what, measured=own / best, bound=1.0, sense="at most"))
        return found


_COLUMNS = (
    Column(name="in process", unit="s"),
    Column(name="of the path", unit="x"),
    Column(name="over HTTP", unit="s"),
    Column(name="HTTP, of the path", unit="x"),
    Column(name="of the gather", unit="x"),
    Column(name="worst", unit="s"),
)
