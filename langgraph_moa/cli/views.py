"""Which view a run gets."""

from __future__ import annotations

import sys

from langgraph_moa.cli.notes import Notes
from langgraph_moa.cli.running import Watcher
from langgraph_moa.printable import is_terminal


def view_for(notes: Notes, *, as_json: bool = False, quiet: bool = False) -> Watcher:
    """Return the live view where stdout is a terminal, and the plain one elsewhere or when quiet."""
    if as_json or quiet or not is_terminal(sys.stdout):
        from langgraph_moa.cli.plain import PlainView

        return PlainView(notes, prints=not as_json)
    from langgraph_moa.cli.live import LiveView

    return LiveView(notes)
