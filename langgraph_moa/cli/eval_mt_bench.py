"""`moa eval mt-bench`: answers of two turns, each rated from 1 to 10."""

from __future__ import annotations

from pathlib import Path

import typer

from langgraph_moa.cli import benchmarks, eval_options, options


def command(
    *,
    preset: options.Preset = None,
    proposer: options.Proposers = None,
    aggregator: options.AggregatorModel = None,
    depth: options.Depth = None,
    swap: options.Swaps = None,
    data: eval_options.Data = None,
    judge: eval_options.JudgeModel = None,
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
    """MT-Bench: 80 questions of two turns, whose answers a judge rates from 1 to 10.

    --data is the folder of question.jsonl, judge_prompts.jsonl and reference_answer/gpt-4.jsonl, or a file of questions
    in such a folder. Killed or interrupted, the next run with the same --out makes only the missing calls.
    """
    from langgraph_moa.cli.notes import Notes
    from langgraph_moa.cli.rated_benchmarks import RatedTask, all_of, judge_of
    from langgraph_moa.cli.selection import Selection, choose
    from langgraph_moa.evaluation import mt_bench
    from langgraph_moa.evaluation.datasets import read_samples
    from langgraph_moa.evaluation.generation import digest_of
    from langgraph_moa.evaluation.runs import RunOptions

    selection = Selection(preset=preset, proposers=proposer, aggregator=aggregator, depth=depth, swaps=swap)
    how = RunOptions(concurrency=concurrency, limit=limit, seed=seed, max_cost=max_cost, cluster=cluster)
    questions = questions_of(mt_bench.fetch(benchmarks.data_copies()) if data is None else data, mt_bench.QUESTIONS)
    prompts = mt_bench.read_prompts(questions.parent)
    judging = judge_of(judge, mt_bench.judge_seat, f"MT-Bench, {prompts.source}")
    file = read_samples(questions, mt_bench.sample_of)
    samples = all_of(file, str(questions))
    chosen = choose(selection)
    Notes(quiet=quiet).say(chosen.reason)
    benchmarks.warn_of(judging, chosen.mixture, quiet=quiet)
    task = RatedTask(
        name="mt-bench",
        mixture=chosen.mixture,
        asked=mt_bench.generating(chosen.mixture, "writing"),
        samples=list(how.choose(samples, lambda sample: sample.id)),
        digest=digest_of(samples),
        judge=judging,
        prompts=prompts,
        evaluate=mt_bench.evaluate,
        how=how,
        quiet=quiet,
    )
    if dry_run:
        raise typer.Exit(benchmarks.show_plans(task.plans(benchmarks.named(out, log)), file.broken, as_json=as_json))
    raise typer.Exit(task.carry_out(file.broken, out=out, log=log, as_json=as_json))


def questions_of(data: Path, name: str) -> Path:
    """Return the file of questions: the one that is named, or that of the folder that is."""
    return data / name if data.is_dir() else data
