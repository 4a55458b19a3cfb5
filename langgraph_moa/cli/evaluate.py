"""`moa eval`: how good the answers are."""

from __future__ import annotations

import json

import typer

from langgraph_moa.cli import options

app = typer.Typer(rich_markup_mode=None, help="Measure how good answers are.")


@app.callback(invoke_without_command=True)
def _group(ctx: typer.Context) -> None:
    """Measure how good answers are."""
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


@app.command()
def offline(*, as_json: options.AsJson = False) -> None:
    """Measure the offline readers and their mixture.

    Over the questions that come with the package; no network, no key.
    """
    from langgraph_moa.offline.accuracy import format_table, measure

    result = measure()
    if not as_json:
        print(format_table(result))
        return
    scores = [
        {"name": score.name, "correct": score.correct, "total": score.total, "accuracy": score.accuracy}
        for score in (*result.readers, result.mixture)
    ]
    print(json.dumps(scores, indent=2))
