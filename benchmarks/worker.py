"""Runs a contender's jobs, `python -m benchmarks.worker MODULE`: a line of JSON in, one out. Standard library only."""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.metadata
import itertools
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.protocol import Ask, Contender, Conversation, Job, Result, read_job, write

_COLLECTED_EVERY = gc.get_threshold()[0]
"""Allocations, as Python has it."""


async def work(contender: Contender, job: Job) -> Result:
    """Run a job's mixtures, and measure; `options["collect_every"]` is the garbage collector's first threshold."""
    conversations = itertools.cycle(job.conversations)
    gc.set_threshold(job.options.get("collect_every", _COLLECTED_EVERY), *gc.get_threshold()[1:])
    async with contender.opened(job) as ask:
        for _ in range(job.warm_up):
            await _measured(ask, job.conversations[0])
        gc.collect()
        before = _forget_peak()
        places = asyncio.Semaphore(job.concurrency)
        processor, begin = time.process_time(), time.perf_counter()
        noted = await asyncio.gather(*(_in_place(places, ask, next(conversations)) for _ in range(job.mixtures)))
        elapsed, processor = time.perf_counter() - begin, time.process_time() - processor
        peak = _memory("VmHWM")
    seconds, first_token, answers, errors = (list(column) for column in zip(*noted, strict=True))
    return Result(
        seconds=seconds,
        first_token=first_token,
        answers=answers,
        errors=errors,
        elapsed=elapsed,
        processor=processor,
        memory=None if peak is None or before is None else peak - before,
    )


async def _in_place(
    places: asyncio.Semaphore, ask: Ask, conversation: Conversation
) -> tuple[float, float | None, str | None, str | None]:
    async with places:
        return await _measured(ask, conversation)


async def _measured(ask: Ask, conversation: Conversation) -> tuple[float, float | None, str | None, str | None]:
    """Run one mixture; return its seconds, those to the first piece, its answer and its error."""
    begin = time.perf_counter()
    first = None
    pieces = []
    try:
        async for piece in ask([dict(message) for message in conversation]):
            if piece and first is None:
                first = time.perf_counter() - begin
            pieces.append(piece)
    except Exception as error:  # noqa: BLE001 - a contender that fails is a figure
        return time.perf_counter() - begin, first, None, f"{type(error).__name__}: {error}"[:300]
    return time.perf_counter() - begin, first, "".join(pieces), None


def _forget_peak() -> int | None:
    """Let the peak begin anew; return the bytes that the process holds now."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return None
    return _memory("VmRSS")


def _memory(name: str) -> int | None:
    """Return what Linux tells of this process, in bytes."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)


def _introduction(contender: Contender) -> dict[str, Any]:
    versions = {name: importlib.metadata.version(name) for name in contender.VERSIONS}
    return {"name": contender.NAME, "python": platform.python_version(), "versions": versions}


def main(module: str) -> None:
    """Introduce the contender, then do what comes on standard input until it ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    contender: Any = importlib.import_module(module)
    answers.write(json.dumps(_introduction(contender)) + "\n")
    answers.flush()
    with asyncio.Runner() as runner:  # one loop for all jobs: some clients keep connections for the next job
        for line in sys.stdin:
            answers.write(write(runner.run(work(contender, read_job(line)))))
            answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
