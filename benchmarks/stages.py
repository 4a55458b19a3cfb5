"""Where the processor time of a mixture goes: `python -m benchmarks.stages` prints a table.

What a profiler adds to every function call makes all of them look alike: so the shares are the profiler's, and the
milliseconds that they are shares of were measured without it.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.contenders import moa
from benchmarks.protocol import Job
from benchmarks.provider import provider_process
from benchmarks.trials import AGGREGATOR, SIX

_STAGES = {
    "ours: the nodes": (
        "langgraph_moa/nodes/",
        "langgraph_moa/state",
        "langgraph_moa/prompts",
        "langgraph_moa/histories",
    ),
    "ours: keeping secrets": ("langgraph_moa/guarding", "langgraph_moa/redaction", "langgraph_moa/credentials"),
    "ours: configs and plans": ("langgraph_moa/configs", "langgraph_moa/listeners", "langgraph_moa/mixture/"),
    "ours: the transport": ("langgraph_moa/connections", "langgraph_moa/clients"),
    "ours: calls, waiting, usage": ("langgraph_moa/",),
    "LangGraph": ("site-packages/langgraph/",),
    "LangChain": ("site-packages/langchain", "site-packages/langsmith"),
    "the provider's SDK": ("site-packages/openai/", "site-packages/pydantic"),
    "HTTP": ("site-packages/httpx", "site-packages/httpcore", "site-packages/aiohttp", "site-packages/yarl", "/ssl.py"),
    "asyncio": ("/asyncio/",),
}
"""Parts of a path that say whose a function is, the first that fits; everything else is Python's own library."""
_REST = "Python's library"
_WARM, _MEASURED, _PROFILED = 20, 60, 40


def stage_of(path: str) -> str:
    """Return whose a function is, by the path of its file."""
    return next((stage for stage, parts in _STAGES.items() if any(part in path for part in parts)), _REST)


async def stages(job: Job) -> dict[str, float]:
    """Return the milliseconds of processor time of one mixture, by stage."""
    async with moa.opened(job) as ask:

        async def run() -> None:
            async for _ in ask(job.conversations[0]):
                pass

        for _ in range(_WARM):
            await run()
        whole = await _milliseconds(run)
        profile = cProfile.Profile(builtins=False)
        profile.enable()
        for _ in range(_PROFILED):
            await run()
        profile.disable()
    taken: Counter[str] = Counter()
    found: Any = pstats.Stats(profile)
    for (path, _, _), (_, _, own, _, _) in found.stats.items():
        taken[stage_of(path)] += own
    return {stage: whole * own / taken.total() for stage, own in taken.items()}


async def _milliseconds(run: Callable[[], Awaitable[None]]) -> float:
    taken = []
    for _ in range(_MEASURED):
        begin = time.process_time()
        await run()
        taken.append(1000 * (time.process_time() - begin))
    return statistics.median(taken)


def main() -> None:
    """Print a table for 13 calls, with models in process and over HTTP."""
    shape: dict[str, Any] = {"layers": [SIX, SIX], "aggregator": AGGREGATOR}
    with provider_process() as provider, provider.serving() as url:
        inside, over = (asyncio.run(stages(Job(url=where, **shape))) for where in (None, url))
    print("| 6+6+1 calls, ms of processor time | in process | over HTTP |\n| --- | --- | --- |")
    for stage in (*_STAGES, _REST):
        print(f"| {stage} | {inside.get(stage, 0.0):.2f} | {over.get(stage, 0.0):.2f} |")
    print(f"| together | {sum(inside.values()):.1f} | {sum(over.values()):.1f} |")


if __name__ == "__main__":
    main()
