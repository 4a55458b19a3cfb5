"""Options of the commands that compare arms over a user's own questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from langgraph_moa.cli.bulk_options import Concurrency, DryRuns, Limit, MaxCost, Quiet, Seed

Questions = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help='The questions: {"id": ..., "question": ..., "target": ...} a line; .json and .csv too. '
        "Without a target, --judge is needed.",
    ),
]
JudgeModel = Annotated[
    str | None,
    typer.Option("--judge", metavar="MODEL", help="Rates every answer from 1 to 10, in place of comparing targets."),
]
Against = Annotated[
    str | None,
    typer.Option(
        "--against", metavar="MODEL", help="With --judge: each answer is compared with this model's, in both orders."
    ),
]
Models = Annotated[
    list[str], typer.Option("--model", "-m", metavar="MODEL", help="A candidate, as provider:model. Repeat for more.")
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FOLDER", help="Where report, log and recorded calls go. Run again, it goes on there."
    ),
]
Log = Annotated[
    Path | None, typer.Option("--log", metavar="FILE", help="Keep the finished answers in this .jsonl or .sqlite file.")
]
TapeFile = Annotated[
    Path | None,
    typer.Option(
        "--tape", metavar="FILE", help="Record the calls in this .sqlite or .jsonl file, and make none that is there."
    ),
]

__all__ = [
    "Against",
    "Concurrency",
    "DryRuns",
    "JudgeModel",
    "Limit",
    "Log",
    "MaxCost",
    "Models",
    "Out",
    "Questions",
    "Quiet",
    "Seed",
    "TapeFile",
]
