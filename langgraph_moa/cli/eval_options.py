"""Options that the benchmarks share, beside those of `options` that name a mixture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option("--data", "-d", metavar="PATH", help="The data set: a file or a folder. Without it, its public home."),
]
JudgeModel = Annotated[
    str | None, typer.Option("--judge", metavar="MODEL", help="The model that judges, as provider:model.")
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FOLDER", help="Write the answers, the scores and the report here."),
]
Log = Annotated[
    Path | None,
    typer.Option(
        "--log", metavar="FILE", help="Note every finished call in this .jsonl or .sqlite file; run again, it goes on."
    ),
]
Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Take N samples; the first, unless --seed is given.")
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="Take the samples of --limit in shuffled order.")]
Concurrency = Annotated[int, typer.Option("--concurrency", metavar="N", min=1, help="Samples under way at once.")]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", metavar="DOLLARS", help="Begin no sample once this much is known to be spent."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say how many calls would be made and what they cost at most.")]
Cluster = Annotated[
    str | None, typer.Option("--cluster", metavar="ADDRESS", help="Run on the workers of this Dask scheduler.")
]
