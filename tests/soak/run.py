"""Runs mixtures many at a time, and keeps an eye on this process."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from langgraph_moa import Mixture, create_moa
from langgraph_moa.compiled import MoAGraph
from tests.soak.leftovers import Leftovers, resident_bytes
from tests.soak.recipes import recipes
from tests.soak.remote import RemoteProvider
from tests.soak.report import SoakReport
from tests.soak.sayings import question
from tests.soak.verdict import kind_of, violations
from tests.ways import tasks_besides_this

_SAMPLES = 40


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
    before = Leftovers()
    with RemoteProvider(seed, fault_rate) as provider:
        os.environ.update(OPENAI_API_KEY="not-a-key", OPENAI_BASE_URL=provider.url)
        started = time.monotonic()
        planned = recipes(provider.url, deadline)
        asyncio.run(_Soak(report, provider, planned, synchronous=synchronous).run())
        report.seconds = round(time.monotonic() - started, 1)
    report.count(provider.counted)
    report.leaked_tasks += before.tasks()
    report.leaked_sockets = before.sockets(provider.url)
    report.leaked_threads = before.threads()
    return report


@dataclass(frozen=True)
class _Recipe:
    mixture: Mixture
    graph: MoAGraph


class _Soak:
    """The mixtures of a soak, on their way."""

    def __init__(
        self, report: SoakReport, provider: RemoteProvider, mixtures: list[Mixture], *, synchronous: bool
    ) -> None:
        self._report = report
        self._provider = provider
        self._recipes = [_Recipe(mixture, create_moa(mixture)) for mixture in mixtures]
        self._synchronous = synchronous
        self._places = asyncio.Semaphore(report.concurrency)
        self._every = max(1, report.mixtures // _SAMPLES)

    async def run(self) -> None:
        # asyncio's own pool has few threads on a small machine: fewer would run at a time than the report says.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * self._report.concurrency))
        await asyncio.gather(*(self._one(number) for number in range(self._report.mixtures)))
        self._report.leaked_tasks += len(await tasks_besides_this())

    async def _one(self, number: int) -> None:
        token, recipe = f"question-{number}", self._recipes[number % len(self._recipes)]
        state = {"messages": [("user", question(token))]}
        async with self._places:
            try:
                running = asyncio.to_thread(_stream, recipe.graph, state) if self._synchronous else None
                outcome: Any = await (running or _astream(recipe.graph, state))
            except Exception as error:  # noqa: BLE001 - which errors come is what the soak is about
                outcome = error
            shown = await asyncio.to_thread(self._provider.shown, token)
        self._report.wrong += violations(token, outcome, recipe.mixture, shown)
        self._report.ended[kind_of(outcome)] += 1
        if self._report.ended.total() % self._every == 0 and (size := resident_bytes()) is not None:
            self._report.resident.append(size)


async def _astream(graph: MoAGraph, state: Any) -> Any:
    """Stream a run and return its last state: tokens then come over the streaming transport."""
    states = [part async for mode, part in graph.astream(state, stream_mode=["messages", "values"]) if mode == "values"]
    return states[-1]


def _stream(graph: MoAGraph, state: Any) -> Any:
    """Do the same from a thread."""
    return [part for mode, part in graph.stream(state, stream_mode=["messages", "values"]) if mode == "values"][-1]
