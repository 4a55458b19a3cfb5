"""Options of the commands that make many calls."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

Concurrency = Annotated[
    int, typer.Option("--concurrency", metavar="N", min=1, help="Jobs under way at a time, on a cluster in all.")
]
Limit = Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Take this many samples, not all.")]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", min=0, help="With --limit: draw the samples, in place of the first ones."),
]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", metavar="DOLLARS", min=0, help="Begin nothing that could take the run beyond this."),
]
Cluster = Annotated[
    str | None,
    typer.Option("--cluster", metavar="ADDRESS", help="A Dask scheduler, such as tcp://host:8786, does the work."),
]
DryRuns = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be called and what it costs; call nothing, write nothing.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No notes and no progress: the result, and what went wrong.")
]


def hush_cluster(cluster: str | None) -> None:
    """Keep Dask from printing tracebacks of lost connections: what became of the run is told in a line.

    Raises:
        MissingDependencyError: The extra `dask` is not installed.
    """
    if cluster is None:
        return
    from langgraph_moa.extras import require

    require("distributed", extra="dask")
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
