"""`moa eval flask`: answers rated for twelve skills."""

from __future__ import annotations

from typing import Annotated

import typer

from langgraph_moa.cli import benchmarks, eval_options, options

Hard = Annotated[bool, typer.Option("--hard", help="Take FLASK-Hard alone: the questions that need an expert.")]


def command(
    *,
    preset: options.Preset = None,
    proposer: options.Proposers = None,
    aggregator: options.AggregatorModel = None,
    depth: options.Depth = None,
    swap: options.Swaps = None,
    data: eval_options.Data = None,
    hard: Hard = False,
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
    """FLASK: each answer is rated from 1 to 5 for the skills that its question needs, three of twelve.

    --data is the folder of flask_evaluation.jsonl, prompt.jsonl and skillset_description.json, or a file of questions
    in such a folder. Killed or interrupted, the next run with the same --out makes only the missing calls.
    """
    from langgraph_moa.cli.eval_mt_bench import questions_of
    from langgraph_moa.cli.notes import Notes
    from langgraph_moa.cli.rated_benchmarks import RatedTask, all_of, judge_of
    from langgraph_moa.cli.selection import Selection, choose
    from langgraph_moa.evaluation import flask
    from langgraph_moa.evaluation.datasets import read_samples
    from langgraph_moa.evaluation.generation import digest_of
    from langgraph_moa.evaluation.runs import RunOptions

    selection = Selection(preset=preset, proposers=proposer, aggregator=aggregator, depth=depth, swaps=swap)
    how = RunOptions(concurrency=concurrency, limit=limit, seed=seed, max_cost=max_cost, cluster=cluster)
    questions = questions_of(flask.fetch(benchmarks.data_copies()) if data is None else data, flask.QUESTIONS)
    prompts = flask.read_prompts(questions.parent)
    judging = judge_of(judge, flask.judge_seat, f"FLASK, {prompts.source}")
    file = read_samples(questions, flask.sample_of)
    samples = all_of(file, str(questions))
    wanted = all_of(filter(flask.is_hard, samples), f"{questions}, of FLASK-Hard,") if hard else samples
    chosen = choose(selection)
    Notes(quiet=quiet).say(chosen.reason)
    benchmarks.warn_of(judging, chosen.mixture, quiet=quiet)
    task = RatedTask(
        name="flask",
        mixture=chosen.mixture,
        asked=chosen.mixture,
        samples=list(how.choose(wanted, lambda sample: sample.id)),
        digest=digest_of(samples),
        judge=judging,
        prompts=prompts,
        evaluate=flask.evaluate,
        how=how,
        quiet=quiet,
    )
    if dry_run:
        raise typer.Exit(benchmarks.show_plans(task.plans(benchmarks.named(out, log)), file.broken, as_json=as_json))
    raise typer.Exit(task.carry_out(file.broken, out=out, log=log, as_json=as_json))
