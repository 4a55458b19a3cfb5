"""`moa mix`: which models to put together."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from langgraph_moa.cli import benchmarks, options


def command(
    answers: Annotated[
        Path,
        typer.Argument(
            metavar="ANSWERS",
            help='JSON lines: {"id", "gold", "answers": {model: answer}} for each question, or {"gold": [...]} first '
            'and then {"model", "answers": [...]} for each model.',
        ),
    ],
    *,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME", help="Choose among these models alone. Repeat for more."),
    ] = None,
    size: Annotated[int, typer.Option("--size", metavar="N", min=1, help="Models of the largest set.")] = 6,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Which half each question is in.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Write the report here too, with its figures.")
    ] = None,
    as_json: options.AsJson = False,
) -> int:
    """Rank candidate proposers by quality and by what each adds to the others, from recorded answers.

    No model is asked. What a set gains is told on questions other than those that it was chosen on.
    """
    from langgraph_moa.evaluation.answer_sheets import read_answers
    from langgraph_moa.evaluation.complementarity import complementarity
    from langgraph_moa.evaluation.mixing import mix_report

    sheet = read_answers(answers)
    found = complementarity(sheet.only(models) if models else sheet, size=size, seed=seed)
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    report = mix_report(found, date=today, left_out=sheet.left_out)
    return benchmarks.show_report(report, [], sheet.broken, out=out, as_json=as_json)
