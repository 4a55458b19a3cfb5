"""`moa study`: what each part of a mixture adds, on a user's own questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from langgraph_moa.cli import bench_options, options

if TYPE_CHECKING:
    from langgraph_moa.evaluation.studies.design import Design
    from langgraph_moa.mixture import Mixture


class _Study(NamedTuple):
    """A command of the group."""

    module: str
    """Within `evaluation.studies`; its function `design` makes the study of a mixture."""
    about: str
    given: Mapping[str, str] = MappingProxyType({})
    """Further arguments of `design`."""


STUDIES = {
    "collaborativeness": _Study("collaborativeness", "Each model alone, and with the answers of the others."),
    "proposers": _Study("proposers", "1, 2, 3 and 6 proposals, of several models and of one."),
    "roles": _Study("roles", "Each model as the aggregator, and as the only proposer."),
    "depth": _Study("depth", "The aggregator alone, then with 1, 2 or more layers of proposers before it."),
    "drop-one": _Study("drop_one", "The mixture without each of its proposers."),
    "ranker": _Study("ranker", "An answer made of the proposals, or the best of them word for word."),
    "similarity": _Study("likeness", "How like the answer is to each proposal, beside one that saw no proposals."),
    "cost": _Study("tradeoffs", "Quality against dollars, with the Pareto front marked.", {"measure": "cost"}),
    "latency": _Study("tradeoffs", "Quality against seconds, with the Pareto front marked.", {"measure": "latency"}),
}

app = typer.Typer(rich_markup_mode=None, help="Measure what each part of a mixture adds.")


@app.callback(invoke_without_command=True)
def _group(ctx: typer.Context) -> None:
    """Measure what each part of a mixture adds."""
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


def _command(study: _Study) -> Callable[..., None]:
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
        from langgraph_moa.cli import benching
        from langgraph_moa.cli.notes import Notes
        from langgraph_moa.cli.selection import Selection, choose
        from langgraph_moa.evaluation.runs import RunOptions
        from langgraph_moa.evaluation.studies.design import conduct

        selection = Selection(preset=preset, proposers=proposer, aggregator=aggregator, depth=depth, swaps=swap)
        how = RunOptions(concurrency=concurrency, limit=limit, seed=seed, max_cost=max_cost)
        asked = benching.own_set(data, judge, against, how)
        chosen = choose(selection)
        Notes(quiet=quiet).say(chosen.reason)
        benching.warn(asked, chosen.mixture, quiet=quiet)
        design = _design(study, chosen.mixture)
        if dry_run:
            raise typer.Exit(benching.show_plans(design.planned(asked.samples), asked, as_json=as_json))
        places = benching.Places(out=out, log=log, tape=tape, as_json=as_json, quiet=quiet)
        identity = design.identity(asked.scorer)
        raise typer.Exit(benching.show(asked, identity, lambda bench: conduct(design, bench), places))

    return command


def _design(study: _Study, mixture: Mixture) -> Design:
    module = import_module(f"langgraph_moa.evaluation.studies.{study.module}")
    made: Design = module.design(mixture, **study.given)
    return made


for _name, _study in STUDIES.items():
    app.command(_name, help=_study.about)(_command(_study))


@app.command("adaptive")
def adaptive(
    answers: Annotated[
        Path,
        typer.Argument(
            metavar="ANSWERS",
            help='JSON lines of final answers: {"gold": [...]}, then {"model", "answers": [...]} for each model.',
        ),
    ],
    *,
    models: Annotated[
        list[str] | None, typer.Option("--model", "-m", metavar="NAME", help="Only these models. Repeat for more.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Which half each question is in.")] = 0,
    out: bench_options.Out = None,
    as_json: options.AsJson = False,
    quiet: bench_options.Quiet = False,
) -> None:
    """Accuracy against calls, where models are asked in waves and no more once they agree. No model is asked."""
    from langgraph_moa.cli import benchmarks
    from langgraph_moa.evaluation.judging import today
    from langgraph_moa.evaluation.studies import adaptive as study
    from langgraph_moa.evaluation.studies.final_answers import read_final_answers

    found = study.adaptive(read_final_answers(answers), models or None, seed=seed)
    report = study.report(found, date=today())
    raise typer.Exit(benchmarks.show_report(report, [], [], out=out, as_json=as_json, quiet=quiet))
