"""`moa presets`: the named mixtures, what they are and whether they can be called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from langgraph_moa.cli import failures, options
from langgraph_moa.cli.machine import print_json

if TYPE_CHECKING:
    from langgraph_moa.presets import Preset

app = typer.Typer(rich_markup_mode=None, help="List the presets; check or show one.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name from the list.")]
NameOrFile = Annotated[
    str, typer.Argument(metavar="NAME", help="A name from the list, or a mixture's .toml or .json file.")
]


@app.callback(invoke_without_command=True)
def listing(ctx: typer.Context, *, as_json: options.AsJson = False) -> None:
    """List the presets with their calls and depth."""
    if ctx.invoked_subcommand is not None:
        return
    from langgraph_moa.cli.columns import in_columns
    from langgraph_moa.presets import describe_preset, list_presets

    presets = [describe_preset(name) for name in list_presets()]
    if as_json:
        print_json([as_object(preset) for preset in presets])
        return
    plans = [preset.mixture.plan() for preset in presets]
    rows = [
        (preset.name, plan.calls, plan.depth, preset.description) for preset, plan in zip(presets, plans, strict=True)
    ]
    print(in_columns(["name", "calls", "depth", "description"], rows))


@app.command()
def check(name: NameOrFile, *, as_json: options.AsJson = False) -> None:
    """Say which key or package a preset lacks. No call is made."""
    from langgraph_moa.cli.notes import Notes
    from langgraph_moa.cli.selection import Selection, choose
    from langgraph_moa.preflight import problems
    from langgraph_moa.presets import LOCAL

    chosen = choose(Selection(preset=name))
    found = problems(chosen.mixture)
    if as_json:
        listed = [{"model": problem.model, "problem": str(problem.error)} for problem in found]
        print_json({"preset": name, "ready": not found, "problems": listed, "reason": chosen.reason})
    else:
        Notes(quiet=name != LOCAL).say(chosen.reason)
        print("\n".join(str(problem.error) for problem in found) or "ready")
    if found:
        raise typer.Exit(failures.BAD_INPUT)


@app.command()
def show(name: Name, *, as_json: options.AsJson = False) -> None:
    """Show where a preset comes from and what it calls."""
    from langgraph_moa.cli.plan import as_text
    from langgraph_moa.presets import describe_preset

    preset = describe_preset(name)
    if as_json:
        print_json(as_object(preset))
        return
    facts = [
        f"{preset.name}: {preset.description}",
        f"version: {preset.version}",
        f"source: {preset.source}",
        f"date: {preset.date}{' (historic)' if preset.historic else ''}",
        *([f"note: {preset.note}"] if preset.note else []),
    ]
    print("\n".join(facts), as_text(preset.mixture.plan()), sep="\n\n")


def as_object(preset: Preset) -> dict[str, Any]:
    """Return a preset as data for JSON."""
    plan = preset.mixture.plan().to_dict()
    return {
        "name": preset.name,
        "version": preset.version,
        "description": preset.description,
        "source": preset.source,
        "date": preset.date,
        "historic": preset.historic,
        "note": preset.note,
        **{key: plan[key] for key in ("calls", "depth", "slots")},
    }
