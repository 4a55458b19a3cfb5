"""AlpacaEval from end to end: a mixture answers, a judge compares, and both survive being killed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from langgraph_moa.evaluation.alpaca_eval.comparing import Comparison
from langgraph_moa.evaluation.alpaca_eval.eval_set import baseline_of, output_row
from langgraph_moa.evaluation.alpaca_eval.judging import PairJudge
from langgraph_moa.evaluation.alpaca_eval.reporting import report
from langgraph_moa.evaluation.answers import texts_of
from langgraph_moa.evaluation.generation import answer_samples
from langgraph_moa.evaluation.judgments import as_mixture, check_price
from langgraph_moa.evaluation.judgments import judgments_identity as identity_of_judgments
from langgraph_moa.evaluation.reports import Report
from langgraph_moa.evaluation.runs import (
    DryRun,
    Identity,
    Job,
    Outcome,
    RunLog,
    RunOptions,
    RunWatcher,
    dry_run,
    forecast,
    mixture_identity,
    run_jobs,
)
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.mixture import Mixture

Watch = Callable[[], RunWatcher | None]
"""Makes what shows one run."""


class Evaluation(NamedTuple):
    """What came of it."""

    report: Report
    answering: Outcome
    judging: Outcome


class Output(NamedTuple):
    """What a mixture answered to an instruction."""

    sample: Sample
    text: str

    @property
    def key(self) -> str:
        """Of its judgment: another text is judged anew."""
        return f"{self.sample.id} {hashlib.sha256(self.text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def answers_identity(mixture: Mixture, eval_set: str) -> Identity:
    """Return whose answers a log holds.

    Args:
        mixture: Who answers.
        eval_set: Digest of the instructions.
    """
    return mixture_identity(mixture, benchmark="alpaca-eval", eval_set=eval_set)


def judgments_identity(answers: Identity, judge: PairJudge) -> Identity:
    """Return whose judgments a log holds; the date on which a judge is asked makes no other judge of it."""
    asked = {"prompt": judge.prompt.template, "both_orders": judge.both_orders}
    return identity_of_judgments(answers, judge.judge, **asked)


async def evaluate(
    mixture: Mixture,
    samples: Sequence[Sample],
    judge: PairJudge,
    *,
    answers: RunLog,
    judgments: RunLog,
    options: RunOptions,
    gamed: str | PathLike[str] | None = None,
    watch: Watch = lambda: None,
) -> Evaluation:
    """Let a mixture answer every instruction, and a judge compare each answer with the baseline's.

    Args:
        mixture: Who answers.
        samples: Those of the run: `options.limit` and `options.seed` are not applied here.
        judge: Asked in this process, also when the answers come from a cluster.
        answers: Open, of `answers_identity`.
        judgments: Open, of `judgments_identity`.
        options: `max_cost` is for answers and judgments together.
        gamed: Path of `df_gamed.csv`; `None`: no length-controlled win rate.
        watch: Called for the answers, and again for the judgments.

    Raises:
        ConfigurationError: A mixture has no written form for a cluster, or `max_cost` cannot be kept.
        MissingDependencyError: The extra `eval` is not installed.
    """
    if options.max_cost is not None:
        check_price(judge.judge)
    answering = await answer_samples(samples, lambda _: mixture, answers, options, watcher=watch())
    outputs = list(outputs_in(answers, samples))
    judging = await judge_outputs(outputs, judge, judgments, options.after(answering), watcher=watch())
    found = comparisons_in(judgments, outputs)
    notes = [*judge.judge.warnings([mixture]), *missing(samples, outputs, found)]
    told = report({mixture.name: found}, judge.judge.stamp, gamed=gamed, baseline=baseline_name(samples), notes=notes)
    return Evaluation(told, answering, judging)


async def judge_outputs(
    outputs: Sequence[Output],
    judge: PairJudge,
    log: RunLog,
    options: RunOptions,
    *,
    watcher: RunWatcher | None = None,
) -> Outcome:
    """Compare every output that the log has no judgment of with the baseline's, in this process.

    Args:
        outputs: Of one model.
        judge: Is asked.
        log: Open, of `judgments_identity`.
        options: With `max_cost`, the judge needs a price and a `max_tokens`.
        watcher: Is told how it goes.

    Raises:
        ConfigurationError: `max_cost` cannot be kept.
    """
    by_key = {output.key: output for output in outputs}

    async def work(data: Mapping[str, Any]) -> Mapping[str, Any]:
        output = by_key[data["key"]]
        return (await judge.compare(output.sample, output.text)).to_dict()

    def estimate(job: Job) -> float | None:
        cost = forecast(as_mixture(judge.judge), [_request(judge, by_key[job.key])]).most_cost
        return None if cost is None else cost * _requests_each(judge)

    jobs = [Job(key, {"key": key}) for key in by_key]
    here = replace(options, cluster=None)
    return await run_jobs(jobs, work, log, here, watcher=watcher, estimate=estimate, total=len(jobs))


def judging_plan(
    judge: PairJudge, samples: Iterable[Sample], *, outputs: Iterable[Output] = (), done: Container[str] = ()
) -> DryRun:
    """Say what judging would take, request by request. No call is made.

    Args:
        judge: Would be asked.
        samples: Of the run.
        outputs: That there are already; the others are taken to be as long as the baseline's.
        done: Keys of outputs that are judged.
    """
    known = {output.sample.id: output for output in outputs}
    expected = [known.get(sample.id) or Output(sample, baseline_of(sample)) for sample in samples]
    requests = [(f"{output.key} {number}", output) for output in expected for number in range(_requests_each(judge))]
    judged = {key for key, output in requests if output.key in done}
    asked = ((key, [_request(judge, output)]) for key, output in requests)
    return dry_run(as_mixture(judge.judge), asked, judged)


def outputs_in(log: RunLog, samples: Sequence[Sample]) -> Iterator[Output]:
    """Yield what a log holds of the answers to some samples, in their order."""
    for sample in samples:
        answer: Any = log.get(sample.id)
        if answer is not None:
            yield Output(sample, texts_of(answer)[0])


def comparisons_in(log: RunLog, outputs: Sequence[Output]) -> list[Comparison]:
    """Return what a log holds of the judgments of some outputs, in their order."""
    found = (log.get(output.key) for output in outputs)
    return [Comparison.from_dict(result) for result in found if result is not None]


def missing(samples: Sequence[Sample], outputs: Sequence[Output], found: Sequence[Comparison]) -> Iterator[str]:
    """Say what is left out because it failed, or was not begun."""
    if len(outputs) < len(samples):
        yield f"{len(samples) - len(outputs)} of {len(samples)} instructions have no answer and are left out"
    if len(found) < len(outputs):
        yield f"{len(outputs) - len(found)} of {len(outputs)} answers are not judged and are left out"


def write_outputs(outputs: Sequence[Output], path: Path, generator: str) -> None:
    """Write outputs in the official format, for `alpaca_eval --model_outputs`.

    Raises:
        OSError: The file cannot be written.
    """
    rows = [output_row(output.sample, output.text, generator) for output in outputs]
    path.write_text(f"{json.dumps(rows, indent=2)}\n", encoding="utf-8")


def baseline_name(samples: Sequence[Sample]) -> str:
    """Return who wrote the baseline's outputs."""
    return " and ".join(dict.fromkeys(str(sample.metadata["generator"]) for sample in samples)) or "baseline"


def _request(judge: PairJudge, output: Output) -> str:
    """Return all that the judge reads of one pair."""
    messages = judge.prompt.messages(output.sample.turns[0], baseline_of(output.sample), output.text)
    return "\n".join(str(message.content) for message in messages)


def _requests_each(judge: PairJudge) -> int:
    return 2 if judge.both_orders else 1
