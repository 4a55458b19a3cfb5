"""Has the samples of a benchmark answered, into a log, here or on a cluster."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from langgraph_moa.compiled import MoAGraph
from langgraph_moa.evaluation.answers import Answer, answer_sample, answer_written
from langgraph_moa.evaluation.runs import (
    Job,
    Outcome,
    ResultLog,
    RunLog,
    RunOptions,
    RunWatcher,
    Work,
    answering_estimate,
    run_jobs,
)
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.graph import create_moa
from langgraph_moa.mixture import Mixture

MixtureFor: TypeAlias = Callable[[Sample], Mixture]
"""Who answers a sample: the same mixture every time, or one with the sampling that its category asks for."""


async def answer_samples(
    samples: Sequence[Sample],
    mixture_for: MixtureFor,
    log: ResultLog,
    options: RunOptions,
    *,
    watcher: RunWatcher | None = None,
) -> Outcome:
    """Answer every sample that the log has no answer to; each result is an `answers.Answer` under the sample's id.

    Args:
        samples: Those that the run is about: `options.limit` and `options.seed` are not applied here.
        mixture_for: On a cluster every model is a string, and the workers have the keys.
        log: Open, and of this mixture.
        options: With `max_cost`, every model needs a price and a `max_tokens`.
        watcher: Is told how it goes.

    Raises:
        ConfigurationError: A mixture has no written form for a cluster, or `max_cost` cannot be kept.
    """

    def estimate(job: Job) -> float | None:
        return answering_estimate(mixture_for(Sample.from_dict(job.data["sample"])))(job)

    work: Work = _answering(mixture_for) if options.cluster is None else answer_written
    jobs = _jobs(samples, None if options.cluster is None else mixture_for)
    return await run_jobs(jobs, work, log, options, watcher=watcher, estimate=estimate, total=len(samples))


def answers_in(log: RunLog, samples: Iterable[Sample]) -> Iterator[tuple[Sample, Answer]]:
    """Yield what a log holds of the answers to some samples, in their order, one at a time."""
    for sample in samples:
        answer = log.get(sample.id)
        if answer is not None:
            yield sample, cast("Answer", answer)


def digest_of(samples: Iterable[Sample]) -> str:
    """Return 16 hexadecimal digits that change with any sample, and not with their order."""
    written = sorted(json.dumps(sample.to_dict(), sort_keys=True) for sample in samples)
    return hashlib.sha256("\n".join(written).encode()).hexdigest()[:16]


def _jobs(samples: Iterable[Sample], mixture_for: MixtureFor | None) -> Iterator[Job]:
    for sample in samples:
        recipe = {} if mixture_for is None else {"mixture": mixture_for(sample).to_dict()}
        yield Job(sample.id, {**recipe, "sample": sample.to_dict()})


def _answering(mixture_for: MixtureFor) -> Work:
    """Return the work of answering in this process, where models may be objects and recipes may hold keys."""
    graphs: dict[int, tuple[Mixture, MoAGraph]] = {}

    async def work(data: Mapping[str, Any]) -> Mapping[str, Any]:
        sample = Sample.from_dict(data["sample"])
        mixture = mixture_for(sample)
        if id(mixture) not in graphs:
            graphs[id(mixture)] = (mixture, await asyncio.to_thread(create_moa, mixture))
        return dict(await answer_sample(graphs[id(mixture)][1], sample))

    return work
