"""`moa plan`: calls, tokens and dollars of a run, with no call made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from langgraph_moa.cli import options
from langgraph_moa.cli.machine import print_json

if TYPE_CHECKING:
    from langgraph_moa.usage import Plan


def command(
    question: Annotated[str | None, typer.Argument(help="What would be asked; counts as input tokens.")] = None,
    *,
    file: options.Files = None,
    preset: options.Preset = None,
    proposer: options.Proposers = None,
    aggregator: options.AggregatorModel = None,
    depth: options.Depth = None,
    swap: options.Swaps = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Say what a run would make and cost at most. No call is made and no key is needed."""
    from langgraph_moa.cli.notes import Notes
    from langgraph_moa.cli.reading import read_documents, read_request
    from langgraph_moa.cli.selection import Selection, choose
    from langgraph_moa.prompts import ask_about

    selection = Selection(preset=preset, proposers=proposer, aggregator=aggregator, depth=depth, swaps=swap)
    messages = []
    if question is not None:
        messages = [read_request(question, file or ())]
    elif file:
        messages = [ask_about("", read_documents(file))]
    chosen = choose(selection)
    Notes(quiet=quiet).say(chosen.reason)
    plan = chosen.mixture.plan(messages)
    if as_json:
        print_json(plan.to_dict())
    else:
        print(as_text(plan))


def as_text(plan: Plan) -> str:
    """Return a plan as a table with its totals."""
    from langgraph_moa.cli.columns import in_columns

    rows = [
        [
            "-" if call.layer is None else str(call.layer),
            call.slot,
            call.model,
            call.input_tokens,
            call.output_tokens,
            None if call.cost is None else f"${call.cost:.4f}",
        ]
        for call in plan.slots
    ]
    table = in_columns(["layer", "slot", "model", "tokens in", "tokens out", "dollars"], rows)
    return f"{table}\n\n{_totals(plan)}"


def _totals(plan: Plan) -> str:
    tokens = [
        f"{'unknown' if count is None else f'{bound} {count}'} tokens {way}"
        for count, bound, way in ((plan.input_tokens, "about", "in"), (plan.output_tokens, "at most", "out"))
    ]
    known = "cost unknown" if plan.known_cost is None else f"about ${plan.known_cost:.4f}"
    cost = f"{known} and more" if plan.unpriced and plan.known_cost is not None else known
    calls = f"{plan.mixture}: {plan.calls} calls, depth {plan.depth}"
    lines = [f"{calls}, {', '.join(tokens)}, {cost} (prices of {plan.prices_date})"]
    if plan.unpriced:
        lines.append(f"without a known cost: {', '.join(plan.unpriced)}")
    return "\n".join(lines)
