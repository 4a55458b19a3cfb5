"""`moa batch`: many questions, one line of JSON each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langgraph_moa.cli import bulk_options, options, outcomes
from langgraph_moa.cli.machine import print_json
from langgraph_moa.errors import ConfigurationError

if TYPE_CHECKING:
    from langgraph_moa.evaluation.datasets import SampleFile
    from langgraph_moa.evaluation.runs import DryRun, Outcome, RunOptions
    from langgraph_moa.mixture import Mixture


def command(
    questions: Annotated[
        Path, typer.Argument(metavar="IN", help='The questions: {"id": ..., "question": ...} a line; .json, .csv too.')
    ],
    answers: Annotated[
        Path, typer.Argument(metavar="OUT", help="Where the answers go, one line each. Run again, it goes on there.")
    ],
    *,
    preset: options.Preset = None,
    proposer: options.Proposers = None,
    aggregator: options.AggregatorModel = None,
    depth: options.Depth = None,
    swap: options.Swaps = None,
    concurrency: bulk_options.Concurrency = 8,
    limit: bulk_options.Limit = None,
    seed: bulk_options.Seed = None,
    max_cost: bulk_options.MaxCost = None,
    cluster: bulk_options.Cluster = None,
    tape: options.TapeFile = None,
    dry_run: bulk_options.DryRuns = False,
    as_json: options.AsJson = False,
    quiet: bulk_options.Quiet = False,
) -> None:
    """Answer every question of a file. Killed or interrupted, the next run makes only the missing calls.

    A question that fails is told on stderr, and is asked again by the next run.
    """
    from langgraph_moa.cli.notes import Notes
    from langgraph_moa.cli.selection import Selection, choose
    from langgraph_moa.cli.tapes import heard_by
    from langgraph_moa.evaluation.bulk import read_question
    from langgraph_moa.evaluation.datasets import read_samples
    from langgraph_moa.evaluation.runs import RunOptions

    if tape is not None and cluster is not None:
        msg = "--tape hears the calls of this process, and those of a --cluster are made elsewhere: leave one out"
        raise ConfigurationError(msg)
    selection = Selection(preset=preset, proposers=proposer, aggregator=aggregator, depth=depth, swaps=swap)
    how = RunOptions(concurrency=concurrency, limit=limit, seed=seed, max_cost=max_cost, cluster=cluster)
    samples = read_samples(questions, read_question)
    total = samples.count()
    if not total and not samples.broken:
        msg = f'{questions} holds no question: write one a line, as {{"id": ..., "question": ...}}'
        raise ConfigurationError(msg)
    chosen = choose(selection)
    notes = Notes(quiet=quiet)
    notes.say(chosen.reason)
    if dry_run:
        plan = _planned(chosen.mixture, samples, answers, how)
        if as_json:
            print_json(plan.to_dict())
        else:
            print("\n".join(outcomes.plan_lines(plan)))
        raise typer.Exit(outcomes.tell_problems(None, samples.broken))
    with heard_by(tape, replay=False):
        outcome = _answered(chosen.mixture, samples, answers, how, total, quiet=quiet)
    notes.say(f"{outcomes.outcome_line(outcome)}, in {answers}")
    if as_json:
        print_json(outcomes.outcome_object(outcome, samples.broken))
    raise typer.Exit(outcomes.tell_problems(outcome, samples.broken))


def _answered(
    mixture: Mixture, samples: SampleFile, answers: Path, how: RunOptions, total: int, *, quiet: bool
) -> Outcome:
    import asyncio

    from langgraph_moa.cli.bulk_views import watcher_for
    from langgraph_moa.evaluation.bulk import AnswerFile, answer_plainly, bulk_jobs
    from langgraph_moa.evaluation.runs import answering_estimate, mixture_identity, run_jobs
    from langgraph_moa.preflight import prepare

    identity = mixture_identity(mixture)
    estimate = None if how.max_cost is None else answering_estimate(mixture)
    jobs = bulk_jobs(mixture, how.choose(samples, lambda sample: sample.id))
    chosen = total if how.limit is None else min(total, how.limit)
    bulk_options.hush_cluster(how.cluster)
    with AnswerFile(answers, identity) as log:
        if how.cluster is None:
            prepare(mixture)
        run = run_jobs(
            jobs, answer_plainly, log, how, watcher=watcher_for(quiet=quiet), estimate=estimate, total=chosen
        )
        return asyncio.run(run)


def _planned(mixture: Mixture, samples: SampleFile, answers: Path, how: RunOptions) -> DryRun:
    from contextlib import nullcontext

    from langgraph_moa.evaluation.bulk import AnswerFile
    from langgraph_moa.evaluation.runs import dry_run, mixture_identity

    asked = ((sample.id, sample.turns) for sample in how.choose(samples, lambda sample: sample.id))
    with (
        AnswerFile(answers, mixture_identity(mixture))
        if answers.is_file() and answers.stat().st_size
        else nullcontext(frozenset[str]()) as done
    ):
        return dry_run(mixture, asked, done)
