"""`moa tune`: search for the mixtures that are worth their cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langgraph_moa.cli import bench_options, options

if TYPE_CHECKING:
    from langgraph_moa.evaluation.bench import Bench
    from langgraph_moa.evaluation.reports import Report

Writers = Annotated[
    list[str] | None,
    typer.Option("--aggregator", metavar="MODEL", help="A candidate for the aggregator; else those of --model."),
]
Strategies = Annotated[
    list[str] | None,
    typer.Option("--strategy", metavar="NAME", help="A strategy to try. Repeat for more; else the usual ones."),
]
Deepest = Annotated[int, typer.Option("--max-depth", metavar="N", min=2, help="Stages, the aggregator included.")]
MostSamples = Annotated[int, typer.Option("--max-samples", metavar="N", min=1, help="Draws of each proposer.")]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", metavar="N", min=1, help="Of every answer; needed for --max-cost.")
]
Temperature = Annotated[float | None, typer.Option("--temperature", metavar="T", help="Of every proposer.")]
Trials = Annotated[int, typer.Option("--trials", metavar="N", min=1, help="Mixtures that are drawn.")]
SearchSeed = Annotated[
    int, typer.Option("--seed", metavar="N", min=0, help="Of the search, of the halves, and of --limit.")
]
BudgetCalls = Annotated[
    int | None, typer.Option("--budget-calls", metavar="N", min=1, help="Make no more model calls than this in all.")
]
AtMost = Annotated[
    float | None,
    typer.Option("--at-most", metavar="DOLLARS", help="Choose the best mixture that takes no more a question."),
]
Folder = Annotated[
    Path | None,
    typer.Option("--folder", metavar="FOLDER", help="Where report, log and calls go. Run again, it goes on there."),
]
Preset = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Write the chosen mixture here, as .toml or .json, for --preset."),
]


def command(
    data: bench_options.Questions,
    *,
    model: bench_options.Models,
    aggregator: Writers = None,
    strategy: Strategies = None,
    max_depth: Deepest = 3,
    max_samples: MostSamples = 3,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    trials: Trials = 40,
    budget_calls: BudgetCalls = None,
    max_cost: bench_options.MaxCost = None,
    at_most: AtMost = None,
    judge: bench_options.JudgeModel = None,
    against: bench_options.Against = None,
    out: Preset = None,
    folder: Folder = None,
    log: bench_options.Log = None,
    tape: bench_options.TapeFile = None,
    concurrency: bench_options.Concurrency = 8,
    limit: bench_options.Limit = None,
    seed: SearchSeed = 0,
    as_json: options.AsJson = False,
    quiet: bench_options.Quiet = False,
) -> None:
    """Search for good mixtures of some models on your own questions, within a budget.

    Half of the questions is searched on, the figures told are those of the other half. No call is made twice; with
    --tape or --folder, none that an earlier run has made.
    """
    from langgraph_moa.cli import benching
    from langgraph_moa.evaluation.mixture_files import check_ending, write_mixture
    from langgraph_moa.evaluation.runs import RunOptions
    from langgraph_moa.evaluation.search_space import USUAL, Space, strategies_of
    from langgraph_moa.evaluation.tuning import Tuning, TuningOptions, about_lines, tune, tuning_identity
    from langgraph_moa.extras import require
    from langgraph_moa.mixture import Aggregator, Layer, Mixture, Proposer

    if out is not None:
        check_ending(out)
        if out.suffix == ".toml":
            require("tomli_w", extra="eval")
    require("optuna", extra="eval")  # what is missing is told before anything is paid for
    space = Space(
        proposers=[Proposer(name, temperature=temperature, max_tokens=max_tokens) for name in model],
        aggregators=[Aggregator(name, max_tokens=max_tokens) for name in aggregator or ()],
        deepest=max_depth,
        most_samples=max_samples,
        strategies=strategies_of(strategy) if strategy else USUAL,
    )
    how = RunOptions(concurrency=concurrency, limit=limit, seed=seed, max_cost=max_cost)
    asked = benching.own_set(data, judge, against, how)
    benching.warn(asked, Mixture([Layer(space.proposers)], space.writers[0]), quiet=quiet)
    wanted = TuningOptions(trials=trials, seed=seed, budget_calls=budget_calls, at_most=at_most)
    found: list[Tuning] = []

    async def search(bench: Bench) -> Report:
        found.append(await tune(space, bench, wanted))
        return found[0].report

    places = benching.Places(out=folder, log=log, tape=tape, as_json=as_json, quiet=quiet)
    code = benching.show(asked, tuning_identity(space, asked.scorer), search, places)
    if out is not None:
        write_mixture(found[0].chosen, out, about_lines(found[0], data.name))
    raise typer.Exit(code)
