"""`moa eval alpaca-eval`: win rates over a baseline."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langgraph_moa.cli import benchmarks, bulk_options, eval_options, options
from langgraph_moa.errors import ConfigurationError, MissingKeyError

if TYPE_CHECKING:
    from langgraph_moa.evaluation.alpaca_eval import EvalSet, Evaluation, PairJudge
    from langgraph_moa.evaluation.judging import Judge
    from langgraph_moa.evaluation.runs import DryRun, Identity, RunLog, RunOptions
    from langgraph_moa.evaluation.samples import Sample
    from langgraph_moa.mixture import Mixture

PairJudgeModel = Annotated[
    str | None,
    typer.Option(
        "--judge",
        metavar="MODEL",
        help="Must answer with log-probabilities; openai:gpt-4-1106-preview, the benchmark's own, if not given.",
    ),
]
Prompt = Annotated[
    Path | None,
    typer.Option("--judge-prompt", metavar="FILE", help="What the judge is told; else alpaca-eval's own wording."),
]
OneOrder = Annotated[
    bool, typer.Option("--one-order", help="Ask the judge once for each pair, in the official order, not twice.")
]
Official = Annotated[
    bool, typer.Option("--official", help="Have alpaca-eval judge, with its own calls to OpenAI, in place of --judge.")
]
GamedFile = Annotated[
    Path | None,
    typer.Option("--gamed", metavar="FILE", help="df_gamed.csv, for the LC win rate; else the one beside --data."),
]


def command(
    *,
    preset: options.Preset = None,
    proposer: options.Proposers = None,
    aggregator: options.AggregatorModel = None,
    depth: options.Depth = None,
    swap: options.Swaps = None,
    data: eval_options.Data = None,
    gamed: GamedFile = None,
    judge: PairJudgeModel = None,
    judge_prompt: Prompt = None,
    one_order: OneOrder = False,
    official: Official = False,
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
    """AlpacaEval 2.0: how often a judge prefers the mixture's answers to a baseline's, raw and length-controlled.

    Killed or interrupted, the next run with the same --out makes only the missing calls.
    """
    from langgraph_moa.cli.notes import Notes
    from langgraph_moa.cli.selection import Selection, choose
    from langgraph_moa.evaluation.runs import RunOptions

    selection = Selection(preset=preset, proposers=proposer, aggregator=aggregator, depth=depth, swaps=swap)
    how = RunOptions(concurrency=concurrency, limit=limit, seed=seed, max_cost=max_cost, cluster=cluster)
    asked = None if official else _judge(judge, judge_prompt, one_order=one_order)
    if official:
        _check_official(judge, judge_prompt, max_cost)
    eval_set, gamed_file = _data(data, gamed)
    samples = _samples(eval_set, how)
    chosen = choose(selection)
    Notes(quiet=quiet).say(chosen.reason)
    Notes(quiet=quiet).say(f"the judge is {_judge_of(asked).stamp.model}")
    benchmarks.warn_of(_judge_of(asked), chosen.mixture, quiet=quiet)
    task = _Task(chosen.mixture, eval_set, samples, asked, how, gamed_file, quiet)
    if dry_run:
        raise typer.Exit(
            benchmarks.show_plans(task.plans(benchmarks.named(out, log)), eval_set.broken, as_json=as_json)
        )
    with benchmarks.kept(out, log) as kept:
        found = task.run(kept)
    steps = [found.answering, found.judging]
    code = benchmarks.show_report(found.report, steps, eval_set.broken, out=out, as_json=as_json, quiet=quiet)
    raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class _Task:
    """What the options come to."""

    mixture: Mixture
    eval_set: EvalSet
    samples: list[Sample]
    judge: PairJudge | None
    """`None`: `alpaca-eval`."""
    how: RunOptions
    gamed: Path | None
    quiet: bool

    def plans(self, kept: benchmarks.Kept | None) -> dict[str, DryRun]:
        """Return what would be called; answers that there are not yet are taken to be as long as the baseline's."""
        from langgraph_moa.evaluation.alpaca_eval import (
            answers_identity,
            digest,
            judging_plan,
            judgments_identity,
            outputs_in,
        )
        from langgraph_moa.evaluation.runs import dry_run

        identity = answers_identity(self.mixture, digest(self.eval_set))
        with benchmarks.begun(kept and kept.answers, identity) as answers:
            said = ((sample.id, sample.turns) for sample in self.samples)
            plans = {"answers": dry_run(self.mixture, said, answers or ())}
            outputs = () if answers is None else tuple(outputs_in(answers, self.samples))
        if self.judge is None:
            return plans
        with benchmarks.begun(kept and kept.judgments, judgments_identity(identity, self.judge)) as judgments:
            plan = judging_plan(self.judge, self.samples, outputs=outputs, done=judgments or ())
        return {**plans, "judgments": plan}

    def run(self, kept: benchmarks.Kept) -> Evaluation:
        """Let the mixture answer and the judge compare; the outputs are written in the official format as well."""
        import asyncio

        from langgraph_moa.evaluation.alpaca_eval import answers_identity, digest, outputs_in, write_outputs
        from langgraph_moa.evaluation.arms import single
        from langgraph_moa.evaluation.runs import RunLog
        from langgraph_moa.preflight import prepare

        bulk_options.hush_cluster(self.how.cluster)
        if self.how.cluster is None:
            prepare(self.mixture)
        if self.judge is not None:
            prepare(single(self.judge.judge.proposer))
        identity = answers_identity(self.mixture, digest(self.eval_set))
        with RunLog.open(kept.answers, identity) as answers:
            found = asyncio.run(self._evaluated(kept, answers, identity))
            outputs = list(outputs_in(answers, self.samples))
        write_outputs(outputs, kept.folder / "model_outputs.json", self.mixture.name)
        return found

    async def _evaluated(self, kept: benchmarks.Kept, answers: RunLog, identity: Identity) -> Evaluation:
        from langgraph_moa.cli.bulk_views import watcher_for
        from langgraph_moa.evaluation.alpaca_eval import evaluate, evaluate_officially, judgments_identity
        from langgraph_moa.evaluation.runs import RunLog

        watch = partial(watcher_for, quiet=self.quiet)
        mixture, samples, how, gamed = self.mixture, self.samples, self.how, self.gamed
        if self.judge is None:
            return await evaluate_officially(
                mixture, samples, answers=answers, folder=kept.folder, options=how, gamed=gamed, watch=watch
            )
        with RunLog.open(kept.judgments, judgments_identity(identity, self.judge)) as judgments:
            return await evaluate(
                mixture,
                samples,
                self.judge,
                answers=answers,
                judgments=judgments,
                options=how,
                gamed=gamed,
                watch=watch,
            )


def _judge(model: str | None, prompt: Path | None, *, one_order: bool) -> PairJudge:
    from langgraph_moa.evaluation.alpaca_eval import OFFICIAL_MODEL, pair_judge

    return pair_judge(model or OFFICIAL_MODEL, prompt=prompt, both_orders=not one_order)


def _judge_of(asked: PairJudge | None) -> Judge:
    from langgraph_moa.evaluation.alpaca_eval.official import official_judge

    return official_judge() if asked is None else asked.judge


def _check_official(judge: str | None, prompt: Path | None, max_cost: float | None) -> None:
    """Refuse options that mean nothing to `alpaca-eval`."""
    given = {"--judge": judge, "--judge-prompt": prompt, "--max-cost": max_cost}
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        msg = f"{wrong[0]} and --official exclude each other: alpaca-eval has a judge of its own. Leave one out"
        raise ConfigurationError(msg)
    if not os.environ.get("OPENAI_API_KEY", "").strip():
        msg = "--official needs a key for the judge of alpaca-eval: set OPENAI_API_KEY, or name another with --judge"
        raise MissingKeyError(msg)


def _data(data: Path | None, gamed: Path | None) -> tuple[EvalSet, Path | None]:
    from langgraph_moa.evaluation.alpaca_eval import fetch, gamed_beside, load
    from langgraph_moa.evaluation.length_control import read_gamed
    from langgraph_moa.extras import require

    eval_set = load(fetch(benchmarks.data_copies()) if data is None else data)
    file = gamed or gamed_beside(eval_set.path)
    require("matplotlib", extra="eval")  # what is missing or wrong is told before anything is paid for
    if file is not None:
        require("sklearn", extra="eval")
        read_gamed(file)
    return eval_set, file


def _samples(eval_set: EvalSet, how: RunOptions) -> list[Sample]:
    samples = list(how.choose(eval_set, lambda sample: sample.id))
    if not samples:
        why = f"; the first of its broken lines: {eval_set.broken[0]}" if eval_set.broken else ""
        msg = f"{eval_set.path} holds no instruction{why}. A row needs instruction and output"
        raise ConfigurationError(msg)
    return samples
