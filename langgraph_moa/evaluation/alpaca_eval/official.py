"""Judging by the official `alpaca-eval`, in a process of its own: it configures and caches for its whole process."""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

from langgraph_moa.errors import ConfigurationError, MissingDependencyError, MoAError
from langgraph_moa.evaluation.alpaca_eval.asking import OFFICIAL_MODEL, judge_seat, official_prompt_path
from langgraph_moa.evaluation.alpaca_eval.comparing import Comparison
from langgraph_moa.evaluation.alpaca_eval.eval_set import baseline_row, index_of
from langgraph_moa.evaluation.alpaca_eval.reporting import report
from langgraph_moa.evaluation.alpaca_eval.running import (
    Evaluation,
    Output,
    Watch,
    baseline_name,
    missing,
    outputs_in,
    write_outputs,
)
from langgraph_moa.evaluation.generation import answer_samples
from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.runs import Outcome, RunLog, RunOptions
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import JudgeStamp
from langgraph_moa.extras import not_installed
from langgraph_moa.mixture import Mixture
from langgraph_moa.redaction import redact

ANNOTATOR = "weighted_alpaca_eval_gpt4_turbo"
"""The leaderboard's."""
_OUTPUTS, _BASELINE, _CACHE = "model_outputs.json", "reference_outputs.json", "annotations_cache.json"
_LAST = 2000


def official_command(folder: Path, annotator: str = ANNOTATOR) -> list[str]:
    """Return the command that judges `model_outputs.json` of a folder against its `reference_outputs.json`.

    It downloads nothing: the length-controlled win rate is computed of its judgments afterwards.

    Args:
        folder: Where everything is read and written, the judgments it has already made included.
        annotator: Name of a configuration of `alpaca-eval`.
    """
    options = {
        "model_outputs": folder / _OUTPUTS,
        "reference_outputs": folder / _BASELINE,
        "annotators_config": annotator,
        "output_path": folder,
        "caching_path": folder / _CACHE,
        "precomputed_leaderboard": None,
        "fn_metric": "get_winrate",
        "sort_by": "win_rate",
    }
    return [
        sys.executable,
        "-m",
        "alpaca_eval.main",
        "evaluate",
        *(f"--{name}={value}" for name, value in options.items()),
    ]


def official_environment(concurrency: int, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of that command: that of this process, with how many calls it may make at a time."""
    return {**environment, "IS_ALPACA_EVAL_2": "True", "OPENAI_MAX_CONCURRENCY": str(concurrency)}


async def judge_officially(
    outputs: Sequence[Output], folder: Path, generator: str, *, concurrency: int = 8, annotator: str = ANNOTATOR
) -> list[Comparison]:
    """Have outputs judged by `alpaca-eval`, which asks OpenAI with the key of the environment.

    Args:
        outputs: Of one model.
        folder: Is made if it is not there; a second run in it goes on where the first was killed.
        generator: Name of the model.
        concurrency: Calls at a time.
        annotator: Name of a configuration of `alpaca-eval`.

    Raises:
        MissingDependencyError: The extra `eval` is not installed.
        MoAError: The command failed, or gave no judgments.
    """
    if official_prompt_path() is None:
        raise MissingDependencyError(not_installed("alpaca-eval", extra="eval"))
    _write_inputs(outputs, folder, generator)
    process = await asyncio.create_subprocess_exec(
        *official_command(folder, annotator),
        env=official_environment(concurrency),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    if process.returncode:
        msg = f"alpaca-eval ended with {process.returncode}: {redact(said.decode(errors='replace')[-_LAST:]).strip()}"
        raise MoAError(msg)
    return read_annotations(folder / annotator / "annotations.json", outputs)


async def evaluate_officially(
    mixture: Mixture,
    samples: Sequence[Sample],
    *,
    answers: RunLog,
    folder: Path,
    options: RunOptions,
    gamed: str | PathLike[str] | None = None,
    watch: Watch = lambda: None,
) -> Evaluation:
    """Let a mixture answer every instruction, and `alpaca-eval` judge; the arguments are those of `evaluate`.

    Args:
        mixture: Who answers.
        samples: Those of the run.
        answers: Open, of `answers_identity`.
        folder: Of `judge_officially`.
        options: `max_cost` is for the answers alone.
        gamed: Path of `df_gamed.csv`; `None`: no length-controlled win rate.
        watch: Called for the answers.

    Raises:
        ConfigurationError: A mixture has no written form for a cluster, or `max_cost` cannot be kept.
        MissingDependencyError: The extra `eval` is not installed.
        MoAError: `alpaca-eval` failed.
    """
    answering = await answer_samples(samples, lambda _: mixture, answers, options, watcher=watch())
    outputs = list(outputs_in(answers, samples))
    found = await judge_officially(outputs, folder, mixture.name, concurrency=options.concurrency) if outputs else []
    notes = [*official_judge().warnings([mixture]), *missing(samples, outputs, found)]
    told = report(
        {mixture.name: found}, official_stamp(found), gamed=gamed, baseline=baseline_name(samples), notes=notes
    )
    costs = [each.cost for each in found if each.cost is not None]
    judging = Outcome(len(found), 0, (), None, sum(costs) if costs else None)
    return Evaluation(told, answering, judging)


def official_judge() -> Judge:
    """Return who judges, to be compared with who answers."""
    return Judge(judge_seat(OFFICIAL_MODEL))


def official_stamp(comparisons: Sequence[Comparison], annotator: str = ANNOTATOR) -> JudgeStamp:
    """Return who judged."""
    date = max((each.date for each in comparisons), default="unknown")
    return JudgeStamp(annotator, date, f"alpaca-eval {version('alpaca-eval')}, one order")


def read_annotations(path: Path, outputs: Sequence[Output]) -> list[Comparison]:
    """Read the judgments that `alpaca-eval` has written.

    Args:
        path: Of its `annotations.json`.
        outputs: That were judged.

    Raises:
        ConfigurationError: It is no such file.
    """
    try:
        annotations = {row["instruction"]: row for row in json.loads(path.read_text(encoding="utf-8"))}
        return list(_comparisons(annotations, outputs))
    except (OSError, ValueError, TypeError, KeyError) as error:
        msg = f"{path} does not hold the annotations of alpaca-eval ({type(error).__name__}: {error!s:.200})"
        raise ConfigurationError(msg) from error


def _write_inputs(outputs: Sequence[Output], folder: Path, generator: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_outputs(outputs, folder / _OUTPUTS, generator)
    rows = [baseline_row(output.sample) for output in outputs]
    (folder / _BASELINE).write_text(f"{json.dumps(rows, indent=2)}\n", encoding="utf-8")


def _comparisons(annotations: Mapping[str, Mapping[str, Any]], outputs: Sequence[Output]) -> Iterator[Comparison]:
    for output in outputs:
        row = annotations.get(output.sample.turns[0])
        if row is None:
            continue
        preference, price = _number(row["preference"]), _number(row.get("preference_price_per_example"))
        yield Comparison(
            index=index_of(output.sample),
            preference=None if preference is None else preference - 1,
            why="alpaca-eval could not read the verdict" if preference is None else None,
            baseline_length=len(row["output_1"]),
            output_length=len(row["output_2"]),
            date=str(row.get("preference_date") or "unknown")[: len("2000-01-01")],
            cost=price,
        )


def _number(given: Any) -> float | None:  # noqa: ANN401 - any JSON
    """Return a number of a data frame, in which an unknown one may be NaN."""
    number = math.nan if given is None else float(given)
    return number if math.isfinite(number) else None
