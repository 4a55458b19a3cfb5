"""Runs jobs, a bounded number at a time, and puts each result into the log as it comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any

from langgraph_moa.errors import ConfigurationError, MissingDependencyError, MissingKeyError
from langgraph_moa.evaluation.runs.cluster import ClusterLostError, performing
from langgraph_moa.evaluation.runs.jobs import Failed, Job, Outcome, Work
from langgraph_moa.evaluation.runs.log import ResultLog
from langgraph_moa.evaluation.runs.options import RunOptions
from langgraph_moa.evaluation.runs.progress import RunWatcher, Standing
from langgraph_moa.evaluation.runs.spending import Estimate, Spending
from langgraph_moa.redaction import redact

MOST_FAILURES = 100
"""Failures that are told one by one; the others are counted."""
_NO_JOB_CAN_BE_DONE = (MissingKeyError, MissingDependencyError, ClusterLostError)


async def run_jobs(
    jobs: Iterable[Job],
    work: Work,
    log: ResultLog,
    options: RunOptions,
    *,
    watcher: RunWatcher | None = None,
    estimate: Estimate | None = None,
    total: int | None = None,
) -> Outcome:
    """Do the work of every job that the log has no result of.

    A job that raises an error is told in the outcome, and the others go on. A cancelled run keeps what is finished and
    cancels what is under way.

    Args:
        jobs: Pulled one by one, when there is room for the next.
        work: Of one job. On a cluster, a function of a module's top level.
        log: Open; each result is in it as soon as it is there.
        options: Its `limit` and `seed` are for whoever makes the jobs.
        watcher: Is told how it goes, and closed in the end.
        estimate: What a job costs at most; needed for `options.max_cost`.
        total: Jobs that there are, for the watcher; `None`: the length of `jobs`, where it has one.

    Raises:
        ConfigurationError: Two jobs have one key, `max_cost` cannot be kept, or the cluster cannot be used. Jobs that
            are under way are finished before.
        MissingKeyError: Or `MissingDependencyError`, `ClusterLostError`: no job can be done any more.
        OSError: The log cannot be written.
    """
    known = total if total is not None else len(jobs) if isinstance(jobs, Sized) else None
    run = _Run(log, Spending(options.max_cost, estimate), watcher, known)
    try:
        async with performing(work, options.cluster) as perform:
            await run.make(iter(jobs), perform, options.concurrency)
    finally:
        if watcher is not None:
            watcher.close()
    return run.outcome()


class _Run:
    """One call of `run_jobs`."""

    def __init__(self, log: ResultLog, spending: Spending, watcher: RunWatcher | None, total: int | None) -> None:
        self._log = log
        self._spending = spending
        self._watcher = watcher
        self._total = total
        self._began = time.monotonic()
        self._made = 0
        self._reused = 0
        self._failures = 0
        self._failed: list[Failed] = []
        self._stopped: str | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def make(self, jobs: Iterator[Job], perform: Work, concurrency: int) -> None:
        """Do every job; when this is cancelled, so is what is under way."""
        self._tell()
        try:
            await self._begin_all(jobs, perform, concurrency)
            await self._until(0)
        except ConfigurationError:
            await self._until(0)
            raise
        finally:
            await self._cancel()
            self._tell()

    def outcome(self) -> Outcome:
        """Return what came of it."""
        return Outcome(
            made=self._made,
            reused=self._reused,
            failed=tuple(self._failed),
            stopped=self._stopped,
            spent=self._spending.spent,
            unlisted=self._failures - len(self._failed),
            unaccounted=self._spending.assumed,
        )

    async def _begin_all(self, jobs: Iterator[Job], perform: Work, concurrency: int) -> None:
        for job in self._missing(jobs):
            await self._until(concurrency - 1)
            price = self._spending.price(job)
            while not self._spending.allows(price) and self._under_way:
                await self._until(len(self._under_way) - 1)
            if not self._spending.allows(price):
                self._stopped = self._spending.why_not(price)
                return
            self._spending.begin(price)
            self._under_way.add(asyncio.create_task(self._do(job, perform, price)))

    def _missing(self, jobs: Iterator[Job]) -> Iterator[Job]:
        """Yield the jobs that the log has no result of."""
        seen: set[str] = set()
        for job in jobs:
            if job.key in seen:
                msg = f"two jobs of this run have the key {job.key!r}: give each a key of its own"
                raise ConfigurationError(msg)
            seen.add(job.key)
            if job.key in self._log:
                self._reused += 1
            else:
                yield job

    async def _do(self, job: Job, perform: Work, price: float) -> None:
        """Do one job; raise only what ends the run."""
        cost: float | None = None
        try:
            result = await self._result(job, perform)
            if result is not None:
                cost = result.get("cost")
                self._keep(job, result)
        finally:
            self._spending.end(price, cost)
        self._tell()

    async def _result(self, job: Job, perform: Work) -> Mapping[str, Any] | None:
        """Return what came of the work; `None` when it failed."""
        try:
            return await perform(job.data)
        except _NO_JOB_CAN_BE_DONE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a job fails with, the others go on
            self._fail(job, error)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._fail(job, error)
        return None

    def _keep(self, job: Job, result: Mapping[str, Any]) -> None:
        try:
            self._log.append(job.key, result)
        except ConfigurationError as error:
            self._fail(job, error)
        else:
            self._made += 1

    def _fail(self, job: Job, error: BaseException) -> None:
        self._failures += 1
        if self._failures <= MOST_FAILURES:
            self._failed.append(Failed(job.key, type(error).__name__, redact(str(error))))

    async def _until(self, most: int) -> None:
        """Wait until no more jobs than so many are under way."""
        while len(self._under_way) > most:
            done, self._under_way = await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            errors = [error for task in done if (error := task.exception()) is not None]
            for error in errors:
                raise error

    async def _cancel(self) -> None:
        """Cancel what is under way, and wait until it has cleaned up."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _tell(self) -> None:
        if self._watcher is None:
            return
        standing = Standing(
            made=self._made,
            reused=self._reused,
            failed=self._failures,
            in_flight=sum(not task.done() for task in self._under_way),
            total=self._total,
            spent=self._spending.spent,
            seconds=time.monotonic() - self._began,
        )
        self._watcher.note(standing)
