"""Options of the commands that make many calls."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from langgraph_moa.errors import ConfigurationError

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
TapeFile = Annotated[
    Path | None,
    typer.Option("--tape", metavar="FILE", help="Keep every call in a .sqlite file, and make none that it holds."),
]
DryRuns = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be called and what it costs; call nothing, write nothing.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what went wrong.")]


def taped(tape: Path | None, cluster: str | None) -> AbstractContextManager[Any]:
    """Return the block in which a tape hears every call; without one, a block that changes nothing.

    Raises:
        ConfigurationError: The tape cannot be used, or a cluster makes the calls.
    """
    if tape is None:
        return nullcontext()
    if cluster is not None:
        msg = "--tape hears the calls of this process, and those of a --cluster are made elsewhere: leave one out"
        raise ConfigurationError(msg)
    from langgraph_moa.recording import Tape, taping

    return taping(Tape.open(tape, mode="reuse"))


def hush_cluster(cluster: str | None) -> None:
    """Keep Dask from printing tracebacks of lost connections: what became of the run is told in a line.

    Raises:
        MissingDependencyError: The extra `dask` is not installed.
    """
    if cluster is None:
        return
    from langgraph_moa.evaluation.extras import require

    require("distributed", extra="dask")
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
