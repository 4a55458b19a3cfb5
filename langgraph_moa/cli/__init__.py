"""The command line: `moa`, also installed as `langgraph-moa`.

This module and those of the sub-commands load neither a framework nor a provider before a command needs it, so that
`moa --help` answers at once.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from langgraph_moa.cli import (
    ask,
    batch,
    chat,
    compare,
    evaluate,
    failures,
    mix,
    plan,
    presets,
    serve,
    simulate,
    study,
    tune,
    ui,
)
from langgraph_moa.cli.heap import collect_rarely


class _Commands(TyperGroup):
    """The sub-commands, whose errors become one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own context, and what a command returns
        with failures.reported():
            outcome = super().invoke(ctx)
            failures.flush_output()
        return outcome


app = typer.Typer(
    name="moa",
    cls=_Commands,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("ask")(ask.command)
app.command("batch")(batch.command)
app.command("chat")(chat.command)
app.add_typer(presets.app, name="presets")
app.command("plan")(plan.command)
app.add_typer(evaluate.app, name="eval")
app.command("compare")(compare.command)
app.command("mix")(mix.command)
app.command("serve")(serve.command)
app.add_typer(study.app, name="study")
app.command("simulate")(simulate.command)
app.command("tune")(tune.command)
app.command("ui")(ui.command)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        from langgraph_moa import __version__

        print(f"langgraph-moa {__version__}")
        raise typer.Exit


@app.callback()
def _about(
    ctx: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Ask several language models, and let one more write the best answer from theirs (Mixture-of-Agents)."""
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; see `failures` for the codes."""
    try:
        with failures.reported():
            outcome = app(args=list(arguments), prog_name="moa", standalone_mode=False)
            failures.flush_output()
    except typer.Exit as end:
        return end.exit_code
    return outcome if isinstance(outcome, int) else failures.OK


def main() -> int:
    """Run the command of `sys.argv` in a process of its own."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace" if stream is sys.stdin else "backslashreplace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        logging.getLogger().addHandler(logging.NullHandler())
    collect_rarely()
    return run(sys.argv[1:])
