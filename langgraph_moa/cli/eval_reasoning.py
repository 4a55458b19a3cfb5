"""`moa eval gsm8k` and `moa eval math`: final answers that are right or wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from langgraph_moa.cli import benchmarks, bulk_options, eval_options, options

if TYPE_CHECKING:
    from langgraph_moa.cli.selection import Selection
    from langgraph_moa.evaluation.reasoning import Benchmark
    from langgraph_moa.evaluation.reports import Report
    from langgraph_moa.evaluation.runs import DryRun, Identity, Outcome, RunOptions
    from langgraph_moa.evaluation.samples import Sample
    from langgraph_moa.mixture import Mixture


def gsm8k(
    *,
    preset: options.Preset = None,
    proposer: options.Proposers = None,
    aggregator: options.AggregatorModel = None,
    depth: options.Depth = None,
    swap: options.Swaps = None,
    data: eval_options.Data = None,
    out: eval_options.Out = None,
    log: eval_options.Log = None,
    concurrency: eval_options.Concurrency = 8,
    limit: eval_options.Limit = None,
    seed: eval_options.Seed = None,
    max_cost: eval_options.MaxCost = None,
    cluster: eval_options.Cluster = None,
    dry_run: eval_options.DryRuns = False,
    as_json: options.AsJson = False,
    quiet: eval_options.Quiet = False,
) -> None:
    """GSM8K: grade-school word problems; the share of right final answers, without a judge.

    --data is JSON lines of question and answer, as its authors give it out. Killed or interrupted, the next run with
    the same --out makes only the missing calls.
    """
    from langgraph_moa.cli.selection import Selection
    from langgraph_moa.evaluation.runs import RunOptions

    selection = Selection(preset=preset, proposers=proposer, aggregator=aggregator, depth=depth, swaps=swap)
    how = RunOptions(concurrency=concurrency, limit=limit, seed=seed, max_cost=max_cost, cluster=cluster)
    _command("gsm8k", selection, how, _Places(data, out, log), dry_run=dry_run, as_json=as_json, quiet=quiet)


def math(
    *,
    preset: options.Preset = None,
    proposer: options.Proposers = None,
    aggregator: options.AggregatorModel = None,
    depth: options.Depth = None,
    swap: options.Swaps = None,
    data: eval_options.Data = None,
    out: eval_options.Out = None,
    log: eval_options.Log = None,
    concurrency: eval_options.Concurrency = 8,
    limit: eval_options.Limit = None,
    seed: eval_options.Seed = None,
    max_cost: eval_options.MaxCost = None,
    cluster: eval_options.Cluster = None,
    dry_run: eval_options.DryRuns = False,
    as_json: options.AsJson = False,
    quiet: eval_options.Quiet = False,
) -> None:
    """MATH: competition problems; the share of right final answers, by level and subject, without a judge.

    --data is its authors' folder of one JSON file a problem, or JSON lines of problem and solution. Killed or
    interrupted, the next run with the same --out makes only the missing calls.
    """
    from langgraph_moa.cli.selection import Selection
    from langgraph_moa.evaluation.runs import RunOptions

    selection = Selection(preset=preset, proposers=proposer, aggregator=aggregator, depth=depth, swaps=swap)
    how = RunOptions(concurrency=concurrency, limit=limit, seed=seed, max_cost=max_cost, cluster=cluster)
    _command("math", selection, how, _Places(data, out, log), dry_run=dry_run, as_json=as_json, quiet=quiet)


@dataclass(frozen=True, slots=True)
class _Places:
    """Files and folders that the options name."""

    data: Path | None
    out: Path | None
    log: Path | None


def _command(
    benchmark: Benchmark,
    selection: Selection,
    how: RunOptions,
    at: _Places,
    *,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    from langgraph_moa.cli.notes import Notes
    from langgraph_moa.cli.rated_benchmarks import all_of
    from langgraph_moa.cli.selection import choose
    from langgraph_moa.evaluation import reasoning
    from langgraph_moa.evaluation.generation import digest_of
    from langgraph_moa.evaluation.rating import answers_identity

    path = reasoning.fetch(benchmark, benchmarks.data_copies()) if at.data is None else at.data
    file = reasoning.read_problems(benchmark, path)
    samples = all_of(file, str(path))
    wanted = list(how.choose(samples, lambda sample: sample.id))
    chosen = choose(selection)
    Notes(quiet=quiet).say(chosen.reason)
    if dry_run:
        whose = answers_identity(chosen.mixture, benchmark, digest_of(samples))
        plans = {"answers": _planned(chosen.mixture, wanted, benchmarks.named(at.out, at.log), whose)}
        raise typer.Exit(benchmarks.show_plans(plans, file.broken, as_json=as_json))
    with benchmarks.kept(at.out, at.log) as kept:
        report, outcome = _run(benchmark, chosen.mixture, wanted, how, kept, digest=digest_of(samples), quiet=quiet)
    code = benchmarks.show_report(report, [outcome], file.broken, out=at.out, as_json=as_json, quiet=quiet)
    raise typer.Exit(code)


def _planned(mixture: Mixture, samples: Sequence[Sample], kept: benchmarks.Kept | None, whose: Identity) -> DryRun:
    from langgraph_moa.evaluation.runs import dry_run

    with benchmarks.begun(kept and kept.answers, whose) as answers:
        return dry_run(mixture, ((sample.id, sample.turns) for sample in samples), answers or ())


def _run(
    benchmark: Benchmark,
    mixture: Mixture,
    samples: Sequence[Sample],
    how: RunOptions,
    kept: benchmarks.Kept,
    *,
    digest: str,
    quiet: bool,
) -> tuple[Report, Outcome]:
    import asyncio
    from datetime import UTC, datetime

    from langgraph_moa.cli.bulk_views import watcher_for
    from langgraph_moa.evaluation import reasoning
    from langgraph_moa.evaluation.rating import answers_identity
    from langgraph_moa.evaluation.runs import RunLog
    from langgraph_moa.extras import require
    from langgraph_moa.preflight import prepare

    require("matplotlib", extra="eval")
    bulk_options.hush_cluster(how.cluster)
    if how.cluster is None:
        prepare(mixture)
    with RunLog.open(kept.answers, answers_identity(mixture, benchmark, digest)) as answers:
        date, watcher = datetime.now(UTC).date().isoformat(), watcher_for(quiet=quiet)
        run = reasoning.evaluate(benchmark, mixture, samples, answers=answers, options=how, date=date, watcher=watcher)
        return asyncio.run(run)
