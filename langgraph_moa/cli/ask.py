"""`moa ask`: one question, one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from langgraph_moa.cli import options
from langgraph_moa.cli.machine import print_json

if TYPE_CHECKING:
    from langgraph_moa.cli.running import Answer


def command(
    question: Annotated[str | None, typer.Argument(help="What to ask; - or nothing reads stdin.")] = None,
    *,
    file: options.Files = None,
    preset: options.Preset = None,
    proposer: options.Proposers = None,
    aggregator: options.AggregatorModel = None,
    depth: options.Depth = None,
    swap: options.Swaps = None,
    tape: options.TapeFile = None,
    replay: options.Replay = False,
    record: options.RecordFile = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Ask one question, over files if there are any.

    With no preset and no models named, the environment decides; stderr says what was chosen and why.
    """
    from langgraph_moa.cli.notes import Notes
    from langgraph_moa.cli.reading import read_request
    from langgraph_moa.cli.records import recorded, refuse_unwritable
    from langgraph_moa.cli.selection import Selection, choose

    refuse_unwritable(record)
    selection = Selection(preset=preset, proposers=proposer, aggregator=aggregator, depth=depth, swaps=swap)
    request = read_request(question, file or ())
    chosen = choose(selection)
    notes = Notes(quiet=quiet)

    import asyncio

    from langgraph_moa.cli.running import run_mixture
    from langgraph_moa.cli.tapes import heard_by
    from langgraph_moa.cli.views import view_for
    from langgraph_moa.graph import create_moa
    from langgraph_moa.preflight import prepare

    with heard_by(tape, replay=replay):
        notes.say(chosen.reason)
        if not replay:
            prepare(chosen.mixture)
        watcher = view_for(notes, as_json=as_json, quiet=quiet)
        with recorded(chosen.mixture, record) as config:
            run = run_mixture(create_moa(chosen.mixture), chosen.mixture, [request], watcher, config=config)
            answer = asyncio.run(run)
            if as_json:
                print_json(as_object(answer, chosen.note))


def as_object(answer: Answer, note: str | None) -> dict[str, Any]:
    """Return an answer as data for JSON; `cost` is in US dollars, and null when nothing is known of it."""
    summary = answer.summary
    return {
        "answer": answer.text,
        "mixture": summary["mixture"],
        "degraded": summary["degraded"],
        "missing": summary["missing"],
        "decision": summary["decision"],
        "proposals": answer.proposals,
        "usage": summary["usage"],
        "cost": summary["cost"]["total"],
        "unpriced": summary["cost"]["unpriced"],
        "timing": summary["timing"],
        "note": note,
    }
