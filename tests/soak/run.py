"""Runs mixtures many at a time, and keeps an eye on this process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool

from langgraph_moa import Aggregator, Layer, Mixture, Proposer, create_moa
from langgraph_moa.compiled import MoAGraph
from tests.soak.provider import ACTOR, PROPOSERS
from tests.soak.verdict import kind_of, violations

_ROOT = Path(__file__).parents[2]


@dataclass
class SoakReport:
    """What came of a soak."""

    mixtures: int
    concurrency: int
    seconds: float = 0.0
    ended: Counter[str] = field(default_factory=Counter)
    """Mixtures by what they ended in."""
    wrong: list[str] = field(default_factory=list)
    """All that was lost, mixed up, or raised without a type."""
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """Requests by the fault that the provider played."""
    resident: list[int] = field(default_factory=list)
    """Bytes of this process's memory, from sample to sample."""
    leaked_tasks: int = 0
    leaked_sockets: int = 0
    open_requests: int = 0
    """Requests that the provider was still answering at the end."""

    @property
    def growth_of_last_half(self) -> float:
        """Memory at the end as a multiple of that at half time."""
        return self.resident[-1] / self.resident[len(self.resident) // 2]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        shown = {name: value for name, value in vars(self).items() if name != "resident"}
        megabytes = [round(size / 1e6, 1) for size in self.resident]
        return {**shown, "megabytes": megabytes, "growth_of_last_half": round(self.growth_of_last_half, 3)}


@contextmanager
def provider(seed: int, fault_rate: float, report: SoakReport) -> Iterator[str]:
    """Start the provider, give its URL, and at the end put its counts into the report."""
    command = [sys.executable, "-m", "tests.soak.provider", "--seed", str(seed), "--fault-rate", str(fault_rate)]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            counted = json.loads(process.stdout.readline())
            report.open_requests = counted["in_flight"]
            for counts in counted["models"].values():
                report.requests += counts.pop("requests", 0)
                report.faults.update(counts)


def graphs(url: str, deadline: float) -> list[MoAGraph]:
    """Return mixtures of six that differ in what they do about failures.

    Args:
        url: Of the provider.
        deadline: Seconds for a layer, and for an aggregator.
    """
    reach = {"base_url": url, "api_key": "not-a-key"}
    proposers = [Proposer(f"openai:{name}", model_kwargs=reach) for name in PROPOSERS]
    layer = Layer(proposers, quorum=3, grace=1.0, deadline=deadline)
    strict = Aggregator("openai:merger", fallbacks=["openai:backup"], timeout=deadline, model_kwargs=reach)
    lenient = Aggregator("openai:merger", timeout=deadline, model_kwargs=reach, on_failure="best_proposal")
    tools = {"model_kwargs": {"tools": [convert_to_openai_tool(note)]}}
    acting = Aggregator(f"openai:{ACTOR}", timeout=deadline, model_kwargs={**reach, **tools})
    limits = {url: 200}
    recipes = [
        Mixture([layer], strict, name="strict", limits=limits, on_partial="allow"),
        Mixture([layer], lenient, name="lenient", limits=limits, on_partial="allow"),
        Mixture([layer, layer], strict, name="deep", limits=limits, on_partial="allow"),
        Mixture([layer], acting, name="acting", limits=limits, on_partial="allow"),
    ]
    return [create_moa(recipe) for recipe in recipes]


def soak(
    mixtures: int,
    concurrency: int,
    *,
    deadline: float,
    seed: int = 1,
    fault_rate: float = 0.2,
    synchronous: bool = False,
) -> SoakReport:
    """Run mixtures until all have ended.

    Args:
        mixtures: How many in all.
        concurrency: How many at a time.
        deadline: Seconds for a layer, and for an aggregator.
        seed: Of the provider's faults and latencies.
        fault_rate: Share of its calls that go wrong.
        synchronous: Whether each mixture is run by `invoke` in a thread, rather than by `ainvoke` in one loop.
    """
    report = SoakReport(mixtures, concurrency)
    sockets = open_sockets()
    with provider(seed, fault_rate, report) as url:
        os.environ.update(OPENAI_API_KEY="not-a-key", OPENAI_BASE_URL=url)
        started = time.monotonic()
        asyncio.run(_run(report, graphs(url, deadline), synchronous=synchronous))
        report.seconds = round(time.monotonic() - started, 1)
    report.leaked_sockets = max(0, open_sockets() - sockets)
    return report


async def _run(report: SoakReport, compiled: list[MoAGraph], *, synchronous: bool) -> None:
    places = asyncio.Semaphore(report.concurrency)
    every = max(1, report.mixtures // 20)

    async def one(number: int) -> None:
        token = f"question-{number}"
        state: Any = {"messages": [("user", f"{token}: what is the answer?")]}
        graph = compiled[number % len(compiled)]
        async with places:
            try:
                running = asyncio.to_thread(invoked, graph, state) if synchronous else ainvoked(graph, state)
                outcome: Any = await running
            except Exception as error:  # noqa: BLE001 - which errors come is what the soak is about
                outcome = error
        report.ended[kind_of(outcome)] += 1
        report.wrong += violations(token, outcome)
        if number % every == 0:
            report.resident.append(resident_bytes())

    await asyncio.gather(*(one(number) for number in range(report.mixtures)))
    report.resident.append(resident_bytes())
    report.leaked_tasks = len(asyncio.all_tasks()) - 1


async def ainvoked(graph: MoAGraph, state: Any) -> Any:
    """Stream a run and return its last state: tokens then come over the streaming transport."""
    states = [part async for mode, part in graph.astream(state, stream_mode=["messages", "values"]) if mode == "values"]
    return states[-1]


def invoked(graph: MoAGraph, state: Any) -> Any:
    """Do the same from a thread."""
    return [part for mode, part in graph.stream(state, stream_mode=["messages", "values"]) if mode == "values"][-1]


def note(text: str, times: list[int]) -> str:
    """Keep a note."""
    return f"{text} {times}"


def resident_bytes() -> int:
    """Return the memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_sockets() -> int:
    """Return how many sockets this process holds."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except OSError:  # closed meanwhile: the folder's own
            continue
    return count
