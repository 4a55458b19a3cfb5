"""`moa compare`: whether a mixture is better than one model."""

from __future__ import annotations

import typer

from langgraph_moa.cli import bench_options, options


def command(
    data: bench_options.Questions,
    *,
    preset: options.Preset = None,
    proposer: options.Proposers = None,
    aggregator: options.AggregatorModel = None,
    depth: options.Depth = None,
    swap: options.Swaps = None,
    judge: bench_options.JudgeModel = None,
    against: bench_options.Against = None,
    out: bench_options.Out = None,
    log: bench_options.Log = None,
    tape: bench_options.TapeFile = None,
    concurrency: bench_options.Concurrency = 8,
    limit: bench_options.Limit = None,
    seed: bench_options.Seed = None,
    max_cost: bench_options.MaxCost = None,
    dry_run: bench_options.DryRuns = False,
    as_json: options.AsJson = False,
    quiet: bench_options.Quiet = False,
) -> None:
    """Compare a mixture with Self-MoA, its best proposer alone, and that one drawn as often as the same money buys.

    On your own questions, with intervals, dollars and seconds; the verdict may be that there is no significant gain.
    """
    from langgraph_moa.cli import benching
    from langgraph_moa.cli.notes import Notes
    from langgraph_moa.cli.selection import Selection, choose
    from langgraph_moa.evaluation.comparing import compare, comparison_identity, planned
    from langgraph_moa.evaluation.runs import RunOptions

    selection = Selection(preset=preset, proposers=proposer, aggregator=aggregator, depth=depth, swaps=swap)
    how = RunOptions(concurrency=concurrency, limit=limit, seed=seed, max_cost=max_cost)
    asked = benching.own_set(data, judge, against, how)
    chosen = choose(selection)
    Notes(quiet=quiet).say(chosen.reason)
    benching.warn(asked, chosen.mixture, quiet=quiet)
    if dry_run:
        raise typer.Exit(benching.show_plans(planned(chosen.mixture, asked.samples), asked, as_json=as_json))
    places = benching.Places(out=out, log=log, tape=tape, as_json=as_json, quiet=quiet)
    identity = comparison_identity(chosen.mixture, asked.scorer)
    code = benching.show(asked, identity, lambda bench: compare(chosen.mixture, bench, seed=seed or 0), places)
    raise typer.Exit(code)
