"""Options that the benchmarks share, beside those of `options` that name a mixture and those of `bulk_options`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from langgraph_moa.cli.bulk_options import Cluster, Concurrency, DryRuns, Limit, MaxCost, Quiet, Seed

Data = Annotated[
    Path | None,
    typer.Option("--data", "-d", metavar="PATH", help="The data set: a file or a folder. Without it, its public home."),
]
JudgeModel = Annotated[
    str | None, typer.Option("--judge", metavar="MODEL", help="The model that judges, as provider:model.")
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FOLDER", help="Where answers, judgments and report go. Run again, it goes on there."
    ),
]
Log = Annotated[
    Path | None,
    typer.Option("--log", metavar="FILE", help="Keep the answers in this .jsonl or .sqlite file, not in the folder."),
]

__all__ = [
    "Cluster",
    "Concurrency",
    "Data",
    "DryRuns",
    "JudgeModel",
    "Limit",
    "Log",
    "MaxCost",
    "Out",
    "Quiet",
    "Seed",
]
