"""`moa serve`: mixtures behind OpenAI's protocol."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langgraph_moa.cli import options
from langgraph_moa.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langgraph_moa.cli.notes import Notes

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME ...", help="Presets, and mixtures' .toml or .json files; without any, the presets that are ready."
    ),
]


def command(
    sources: Sources = None,
    *,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on. One that other machines reach needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0 lets the system choose.")] = 8000,
    workers: Annotated[int, typer.Option("--workers", metavar="N", help="Processes; the limits hold for each.")] = 1,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", help="Holds the token; else LANGGRAPH_MOA_SERVE_TOKEN does."),
    ] = None,
    at_once: Annotated[int, typer.Option("--at-once", metavar="N", help="Requests that are answered at once.")] = 128,
    waiting: Annotated[int, typer.Option("--waiting", metavar="N", help="Requests that may wait.")] = 512,
    per_minute: Annotated[
        int | None, typer.Option("--per-minute", metavar="N", help="Requests of one address; any number if not given.")
    ] = None,
    largest_body: Annotated[int, typer.Option("--largest-body", metavar="BYTES", help="Of a request.")] = 10_000_000,
    patience: Annotated[
        float, typer.Option("--patience", metavar="SECONDS", help="That a client has to send, and to read on.")
    ] = 30.0,
    grace: Annotated[
        float, typer.Option("--grace", metavar="SECONDS", help="That running requests have when the server is stopped.")
    ] = 20.0,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Serve the page at /.")] = True,
    runs: Annotated[
        Path | None, typer.Option("--runs", metavar="FOLDER", help="Keeps the page's runs for all workers, and later.")
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Serve mixtures as models over OpenAI's protocol until Ctrl-C; a page to try them is at /.

    The first line on stdout is the base URL.
    """
    from langgraph_moa.cli.notes import Notes

    require_packages()
    from langgraph_moa.serving.running import Running, serve
    from langgraph_moa.serving.settings import Settings

    settings = Settings(
        host=host,
        token=token_of(token_file),
        largest_body=largest_body,
        most_at_once=at_once,
        most_waiting=waiting,
        requests_per_minute=per_minute,
        patience=patience,
        page=page,
        runs=runs,
    )
    running = Running(port=port, workers=workers, grace=grace)
    served = sources or ready_presets(Notes(quiet=quiet))
    serve(served, settings, running, lambda address: print(f"{address}/v1", flush=True))


def require_packages() -> None:
    """Say which extra brings what a server needs, if it is not there.

    Raises:
        MissingDependencyError: A package is missing.
    """
    from langgraph_moa.extras import require

    for package in ("starlette", "sse_starlette", "prometheus_client", "limits", "markdown_it"):
        require(package, extra="serve")


def token_of(file: Path | None) -> str | None:
    """Return the token that clients must show; `None` for none. It is never an argument, which other users can see."""
    from langgraph_moa.serving.settings import TOKEN_VARIABLE

    if file is None:
        return os.environ.get(TOKEN_VARIABLE, "").strip() or None
    try:
        found = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--token-file {file} cannot be read: {error}. Name a text file") from error
    if not found:
        raise ConfigurationError(f"--token-file {file} is empty: put the token into it, or leave the option out")
    return found


def ready_presets(notes: Notes) -> Sequence[str]:
    """Return the presets that can be asked here, and say which cannot."""
    from langgraph_moa.preflight import problems
    from langgraph_moa.presets import list_presets, load_preset

    lacking = {name: problems(load_preset(name)) for name in list_presets()}
    unready = [name for name, found in lacking.items() if found]
    if unready:
        notes.say(f"not served: {', '.join(unready)}; what each lacks is told by 'moa presets check NAME'")
    return [name for name, found in lacking.items() if not found]
