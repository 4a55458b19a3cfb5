"""Where runs are shown: below a notebook's cell, or as lines on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol
from uuid import uuid4

from langgraph_moa.notebook.runs import WatchedRun
from langgraph_moa.notebook.tables import as_html, as_text, is_over, told


class Screen(Protocol):
    """Shows runs, again and again in the same place."""

    def show(self, runs: Sequence[WatchedRun], now: float) -> None:
        """Show how the runs stand at that moment."""


class CellOutput:
    """An output of the cell that runs when this is first shown, which stays in its place."""

    def __init__(self) -> None:
        self._display_id = uuid4().hex
        self._shown = ""

    def show(self, runs: Sequence[WatchedRun], now: float) -> None:
        """Put tables in the place of those before, where they differ."""
        from IPython.display import display

        page = as_html(runs, now)
        if page == self._shown:
            return
        data, is_there = {"text/html": page, "text/plain": as_text(runs, now)}, bool(self._shown)
        display(data, raw=True, display_id=self._display_id, update=is_there)  # type: ignore[no-untyped-call]
        self._shown = page


class Lines:
    """A line on stderr for each call that is over."""

    def __init__(self) -> None:
        self._told: set[tuple[int, str, str]] = set()

    def show(self, runs: Sequence[WatchedRun], now: float) -> None:
        """Print what is new; lines that nobody can read are no reason to end a run."""
        for number, run in enumerate(runs):
            for stage, rows in run.stages(now):
                for row in rows:
                    place = (number, stage.title, row.slot)
                    if is_over(row) and place not in self._told:
                        self._told.add(place)
                        with suppress(OSError, ValueError):
                            sys.stderr.write(f"{told(f'{run.mixture}, {stage.title}', row)}\n")


def screen_here() -> Screen:
    """Return the output of the running cell, or lines where there is none: in a script, and in a terminal's IPython."""
    return CellOutput() if _has_cells() else Lines()


def _has_cells() -> bool:
    """Say whether this process is the kernel of a notebook; IPython is not imported to find out."""
    core = sys.modules.get("IPython")
    shell: Any = None if core is None else core.get_ipython()
    return getattr(shell, "kernel", None) is not None
