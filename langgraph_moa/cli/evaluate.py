"""`moa eval`: how good the answers are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from langgraph_moa.cli import eval_alpaca, eval_flask, eval_mt_bench, eval_reasoning, eval_recorded, options
from langgraph_moa.cli.machine import print_json

if TYPE_CHECKING:
    from langgraph_moa.offline.accuracy import Accuracy, QuestionSet

TITLES: dict[QuestionSet, str] = {
    "questions": "Questions that were in view while the readers were chosen",
    "held_out": "Held-out questions, written without sight of the readers",
}

app = typer.Typer(rich_markup_mode=None, help="Measure how good answers are.")


app.command("alpaca-eval")(eval_alpaca.command)
app.command("mt-bench")(eval_mt_bench.command)
app.command("flask")(eval_flask.command)
app.command("gsm8k")(eval_reasoning.gsm8k)
app.command("math")(eval_reasoning.math)


@app.callback(invoke_without_command=True)
def _group(ctx: typer.Context) -> None:
    """Measure how good answers are."""
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


app.command("recorded")(eval_recorded.command)


@app.command()
def offline(*, as_json: options.AsJson = False) -> None:
    """Measure the offline readers and their mixture.

    Over the two question sets that come with the package; no network, no key.
    """
    from langgraph_moa.offline.accuracy import load_questions, measure

    results = {name: measure(load_questions(name)) for name in TITLES}
    if as_json:
        print_json({name: as_objects(results[name]) for name in TITLES})
    else:
        print(as_text(results))


def as_text(results: Mapping[QuestionSet, Accuracy]) -> str:
    """Write the results as tables under their titles."""
    from langgraph_moa.offline.accuracy import format_table

    return "\n\n".join(f"{TITLES[name]}\n\n{format_table(result)}" for name, result in results.items())


def as_objects(result: Accuracy) -> list[dict[str, str | int | float]]:
    """Return the scores as data for JSON, the mixture last; `accuracy` is from 0 to 1."""
    return [
        {"name": score.name, "correct": score.correct, "total": score.total, "accuracy": score.accuracy}
        for score in (*result.readers, result.mixture)
    ]
