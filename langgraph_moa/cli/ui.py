"""`moa ui`: mixtures on a page in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langgraph_moa.cli import options, serve

if TYPE_CHECKING:
    from collections.abc import Sequence


def command(
    sources: serve.Sources = None,
    *,
    port: Annotated[int, typer.Option("--port", help="0 lets the system choose.")] = 0,
    runs: Annotated[
        Path | None, typer.Option("--runs", metavar="FOLDER", help="Keeps the runs, to be opened later.")
    ] = None,
    opens: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
    quiet: options.Quiet = False,
) -> None:
    """Ask mixtures on a page, and watch every model answer, until Ctrl-C; only this machine reaches it.

    The first line on stdout is the page's address. The server is that of `moa serve`.
    """
    from langgraph_moa.cli.notes import Notes

    serve.require_packages()
    from langgraph_moa.serving.running import Running
    from langgraph_moa.serving.running import serve as run_server
    from langgraph_moa.serving.settings import Settings

    settings = Settings(token=serve.token_of(None), runs=runs)

    def ready(address: str) -> None:
        print(f"{address}/", flush=True)
        if opens:
            _open(f"{address}/")

    names = sources or _default_first(serve.ready_presets(Notes(quiet=quiet)))
    run_server(names, settings, Running(port=port, workers=1, grace=1.0), ready)


def _default_first(names: Sequence[str]) -> list[str]:
    """Return presets with the one in front that `moa ask` would take here."""
    from langgraph_moa.cli.selection import Selection, choose

    default = choose(Selection()).mixture.preset
    return sorted(names, key=lambda name: name != default)


def _open(address: str) -> None:
    """Open a page in the browser, which can take as long as the browser runs."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
