"""The way of the paper's evaluation scripts, re-implemented: one proposer after the other."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

from benchmarks.contenders.reference import opened_with
from benchmarks.protocol import Ask, Job

NAME = "paper's way, one by one"
VERSIONS = ["openai"]


async def one_by_one(calls: list[Coroutine[Any, Any, str]]) -> list[str]:
    """Await calls one after the other."""
    return [await call for call in calls]


def opened(job: Job) -> AbstractAsyncContextManager[Ask]:
    """Make one client for all models."""
    return opened_with(job, one_by_one)
