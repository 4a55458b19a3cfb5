"""Has the samples of a benchmark answered, into a log, here or on a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from langgraph_moa.compiled import MoAGraph
from langgraph_moa.evaluation.answers import answer_sample, answer_written
from langgraph_moa.evaluation.runs import Estimate, Job, Outcome, ResultLog, RunOptions, RunWatcher, Work, run_jobs
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.graph import create_moa
from langgraph_moa.mixture import Mixture
from langgraph_moa.usage import Plan

MixtureFor: TypeAlias = Callable[[Sample], Mixture]
"""Who answers a sample: the same mixture every time, or one with the sampling that its category asks for."""
_CHARACTERS_PER_TOKEN = 4


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
        mixture_for: Called once for each sample. On a cluster every model is a string, and workers have the keys.
        log: Open, and of this mixture.
        options: With `max_cost`, every model needs a price and a `max_tokens`.
        watcher: Is told how it goes.

    Raises:
        ConfigurationError: A mixture has no written form for a cluster, or `max_cost` cannot be kept.
    """
    by_id = {sample.id: sample for sample in samples}

    def estimate(job: Job) -> float | None:
        return planned_cost(mixture_for(by_id[job.key]), by_id[job.key])

    work: Work = _answering(mixture_for) if options.cluster is None else answer_written
    jobs = _jobs(samples, None if options.cluster is None else mixture_for)
    return await run_jobs(jobs, work, log, options, watcher=watcher, estimate=estimate, total=len(samples))


def plans(mixture: Mixture, sample: Sample) -> list[Plan]:
    """Return what each turn takes at most, with no call made; earlier answers count as long as they may become."""
    conversation: list[AnyMessage] = []
    found: list[Plan] = []
    for said in sample.turns:
        conversation.append(HumanMessage(said))
        found.append(mixture.plan(conversation))
        longest = max((call.output_tokens or 0 for call in found[-1].slots), default=0)
        conversation.append(AIMessage("x" * longest * _CHARACTERS_PER_TOKEN))
    return found


def planned_cost(mixture: Mixture, sample: Sample) -> float | None:
    """Return the US dollars that a sample takes at most; `None` where a price or a `max_tokens` is unknown."""
    costs = [plan.cost for plan in plans(mixture, sample)]
    return None if None in costs else sum(cost for cost in costs if cost is not None)


def _jobs(samples: Iterable[Sample], mixture_for: MixtureFor | None) -> Iterable[Job]:
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
