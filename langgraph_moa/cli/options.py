"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Preset = Annotated[
    str | None,
    typer.Option(
        "--preset", "-p", metavar="NAME", help="A name from `moa presets`, or a mixture's .toml or .json file."
    ),
]
Proposers = Annotated[
    list[str] | None,
    typer.Option("--proposer", metavar="MODEL", help="A model that proposes, as provider:model. Repeat for more."),
]
AggregatorModel = Annotated[
    str | None,
    typer.Option("--aggregator", metavar="MODEL", help="The model that writes the answer, as provider:model."),
]
Depth = Annotated[
    int | None,
    typer.Option(
        "--depth", metavar="N", help="Stages of calls, the aggregator included; 2 if not given. With --proposer."
    ),
]
Swaps = Annotated[
    list[str] | None,
    typer.Option(
        "--swap", metavar="OLD=NEW", help="Put model NEW in the seat that is named, or held by, OLD. Repeatable."
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Option("--file", "-f", metavar="FILE", help="Text or PDF to answer from; - is stdin. Repeat for more."),
]
TapeFile = Annotated[
    str | None,
    typer.Option(
        "--tape", metavar="FILE", help="Keep every request in a .sqlite or .jsonl file, and make none of those in it."
    ),
]
Replay = Annotated[bool, typer.Option("--replay", help="With --tape: ask nobody. What is not recorded fails.")]
RecordFile = Annotated[
    str | None,
    typer.Option(
        "--record", metavar="FILE", help="Write who was asked what, when, and what came of it to .html, .md or .json."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the answer alone: no live view and no notes.")]
