"""`moa eval recorded`: our metrics on recorded data, beside what was published."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from langgraph_moa.cli import options
from langgraph_moa.cli.machine import print_json
from langgraph_moa.errors import ConfigurationError

DATA_VARIABLE = "LANGGRAPH_MOA_DATA"


def command(
    *,
    data: Annotated[
        Path | None,
        typer.Option("--data", "-d", metavar="FOLDER", help=f"The recorded data; {DATA_VARIABLE} if not given."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Write the report here.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Compute the benchmarks' metrics from recorded answers and judgments; no model is asked.

    The folder holds alpaca_eval/{preferences.jsonl, index.csv, df_gamed.csv, leaderboard_glm_weights.csv},
    mt_bench/recorded_judgments.jsonl and reasoning/gsm8k_answers.jsonl.
    """
    folder = data or os.environ.get(DATA_VARIABLE)
    if not folder:
        msg = f"no data: give --data FOLDER, or set {DATA_VARIABLE}"
        raise ConfigurationError(msg)
    from langgraph_moa.evaluation import pages, published

    report = published.report(folder)
    if out is not None:
        pages.write_report(report, out)
    if as_json:
        print_json(pages.as_data(report))
    else:
        print(pages.to_markdown(report), end="")
