"""Threads for peers that cannot be awaited. Standard library only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from benchmarks.protocol import Job


@contextmanager
def threads(job: Job) -> Iterator[Callable[[Callable[[], str]], Awaitable[str]]]:
    """Give a function that runs another in a thread: there is one for each mixture under way."""
    with ThreadPoolExecutor(job.concurrency, thread_name_prefix="mixture") as pool:
        yield lambda function: asyncio.get_running_loop().run_in_executor(pool, function)
