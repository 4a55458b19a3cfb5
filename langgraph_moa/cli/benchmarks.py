"""What the benchmarks do alike: where they keep what they have, and how they end."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from langgraph_moa.cli import failures, outcomes
from langgraph_moa.cli.machine import print_json
from langgraph_moa.cli.notes import Notes
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.printable import is_terminal

if TYPE_CHECKING:
    from langgraph_moa.evaluation.datasets import BrokenLine
    from langgraph_moa.evaluation.judging import Judge
    from langgraph_moa.evaluation.reports import Report
    from langgraph_moa.evaluation.runs import DryRun, Identity, Outcome, RunLog
    from langgraph_moa.mixture import Mixture

HOME_VARIABLE = "LANGGRAPH_MOA_HOME"


class Kept(NamedTuple):
    """Where a benchmark keeps what it has."""

    folder: Path
    answers: Path
    judgments: Path


@contextmanager
def kept(out: Path | None, log: Path | None) -> Iterator[Kept]:
    """Give the places that the options name; without `--out`, a folder that is gone afterwards.

    Raises:
        ConfigurationError: The folder cannot be made.
    """
    if out is None:
        with tempfile.TemporaryDirectory(prefix="moa-eval-", ignore_cleanup_errors=True) as folder:
            yield places(Path(folder), log)
        return
    make_folder(out)
    yield places(out, log)


def make_folder(out: Path) -> None:
    """Make the folder that `--out` names, if there is none yet.

    Raises:
        ConfigurationError: It cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"--out {out} cannot be made: {error.strerror}. Name a folder"
        raise ConfigurationError(msg) from error


def places(folder: Path, log: Path | None) -> Kept:
    """Return the places in a folder; a log that is named has that of the judgments beside it."""
    if log is None:
        return Kept(folder, folder / "answers.jsonl", folder / "judgments.jsonl")
    return Kept(folder, log, log.with_name(f"{log.stem}-judgments{log.suffix}"))


def named(out: Path | None, log: Path | None) -> Kept | None:
    """Return the places that the options name; `None` when they name none, and nothing is kept."""
    return None if out is None and log is None else places(out or Path(), log)


@contextmanager
def begun(path: Path | None, identity: Identity) -> Iterator[RunLog | None]:
    """Give the log of a run that has begun, for a forecast of what is left; `None` where there is none, nor will be.

    Raises:
        ConfigurationError: It is the log of another run.
    """
    from langgraph_moa.evaluation.runs import RunLog

    if path is None or not path.is_file() or not path.stat().st_size:
        yield None
        return
    with RunLog.open(path, identity) as log:
        yield log


def warn_of(judge: Judge, mixture: Mixture, *, quiet: bool) -> None:
    """Say that a judge is to judge what it has written itself, before anything is paid for."""
    for warning in judge.warnings([mixture]):
        Notes(quiet=quiet).say(warning)


def data_copies(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where copies of data sets are kept that were fetched from their public homes."""
    return Path(environment.get(HOME_VARIABLE, "").strip() or typer.get_app_dir("langgraph-moa"), "data")


def show_plans(plans: Mapping[str, DryRun], broken: Sequence[BrokenLine], *, as_json: bool) -> int:
    """Print what would be called, by what for, and return the exit code."""
    if as_json:
        print_json({name: plan.to_dict() for name, plan in plans.items()})
    else:
        print("\n\n".join("\n".join([f"{name}:", *outcomes.plan_lines(plan)]) for name, plan in plans.items()))
    return outcomes.tell_problems(None, broken)


def show_report(
    report: Report,
    steps: Sequence[Outcome],
    broken: Sequence[BrokenLine],
    *,
    out: Path | None,
    as_json: bool,
    quiet: bool = False,
) -> int:
    """Print a report, write it into a folder if one is named, and return the exit code.

    Args:
        report: What was found. Its notes are told on stderr as well, where stdout is no terminal.
        steps: What came of the runs behind it: of the answers, and of the judgments if there are any.
        broken: Lines of the data set that hold no sample.
        out: The folder.
        as_json: Whether JSON is printed, in place of Markdown.
        quiet: Whether stderr tells nothing but what went wrong.

    Raises:
        OSError: A file cannot be written.
    """
    from langgraph_moa.evaluation.pages import as_data, to_markdown, write_report

    if out is not None:
        write_report(report, out, name="report")
    notes = Notes(quiet=quiet)
    for name, step in zip(("answers", "judgments"), steps, strict=False):
        notes.say(f"{name}: {outcomes.outcome_line(step)}")
    for note in () if is_terminal(sys.stdout) else report.notes:
        notes.say(note)
    if as_json:
        print_json(as_data(report))
    else:
        print(to_markdown(report), end="")
    codes = [outcomes.tell_problems(None, broken), *(outcomes.tell_problems(step, ()) for step in steps)]
    return failures.FAILED if failures.FAILED in codes else max(codes)
