"""Where the work of jobs is done: in this process, or by the workers of a Dask cluster.

A job crosses to a worker as JSON and so does its result back, so that it is the same wherever it was done. A job whose
worker is lost is done again by another one.
"""

from __future__ import annotations

import concurrent.futures
import functools
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from langgraph_moa import background
from langgraph_moa.errors import ConfigurationError, MoAError
from langgraph_moa.evaluation.runs.jobs import Work
from langgraph_moa.extras import require

CONNECTING_SECONDS = 10.0
"""For the scheduler to answer, and once more for a first worker to be there."""


class ClusterLostError(MoAError):
    """The scheduler of a cluster is gone: no job can be done there any more."""


@asynccontextmanager
async def performing(work: Work, cluster: str | None) -> AsyncIterator[Work]:
    """Give what does the work of one job.

    Args:
        work: As it is done here.
        cluster: Address of a Dask scheduler; `None`: this process.

    Raises:
        ConfigurationError: Nothing answers there, no worker is there, or a worker cannot be told of the work.
        MissingDependencyError: The extra `dask` is not installed.
    """
    if cluster is None:
        yield work
        return
    _refuse_unreachable(work)
    distributed = require("distributed", extra="dask")
    try:
        client = await distributed.Client(cluster, asynchronous=True, timeout=CONNECTING_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        msg = f"no Dask scheduler answers at {cluster!r}: {error}. Start one with `dask scheduler` and name its address"
        raise ConfigurationError(msg) from error
    async with client:
        await _wait_for_a_worker(client, cluster)
        yield functools.partial(_submit, client, work)


async def _wait_for_a_worker(client: Any, cluster: str) -> None:  # noqa: ANN401 - untyped
    try:
        await client.wait_for_workers(1, timeout=CONNECTING_SECONDS)
    except TimeoutError as error:
        msg = f"the scheduler at {cluster} has no worker: start one or more with `dask worker {cluster}`"
        raise ConfigurationError(msg) from error


async def _submit(client: Any, work: Work, data: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ANN401 - untyped
    _refuse_lost(client)
    future = client.submit(_perform, work, _as_text(data), key=f"moa-{uuid4().hex}", pure=False)
    try:
        written = await future
    except concurrent.futures.CancelledError:
        _refuse_lost(client)
        raise
    finally:
        future.release()
    result: dict[str, Any] = json.loads(written)
    return result


def _refuse_lost(client: Any) -> None:  # noqa: ANN401 - untyped
    if client.status != "running":
        msg = "the connection to the Dask scheduler is lost: run again once it is back, what is finished is in the log"
        raise ClusterLostError(msg)


def _perform(work: Work, data: str) -> str:
    """Do the work of a job in a worker's thread: on an event loop that all its jobs share, and their connections."""

    async def performed() -> Mapping[str, Any]:
        return await work(json.loads(data))

    return json.dumps(background.run(performed()))


def _as_text(data: Mapping[str, Any]) -> str:
    try:
        return json.dumps(data)
    except (TypeError, ValueError) as error:
        msg = f"a job must be plain data to cross to a worker: {error}. Name models as strings"
        raise ConfigurationError(msg) from None


def _refuse_unreachable(work: Work) -> None:
    """Refuse work that a worker cannot import."""
    module, name = getattr(work, "__module__", None), getattr(work, "__qualname__", None)
    if module in (None, "__main__") or name is None or getattr(sys.modules.get(module), name, None) is not work:
        msg = f"work on a cluster must be a function at the top of a module that the workers can import, got {work!r}"
        raise ConfigurationError(f"{msg}. With models that are objects, leave the cluster out or name them as strings")
