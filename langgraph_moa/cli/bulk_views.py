"""How a run of many jobs is shown while it goes: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from langgraph_moa.printable import is_terminal

if TYPE_CHECKING:
    from rich.console import Console

    from langgraph_moa.evaluation.runs import RunWatcher, Standing

SECONDS_BETWEEN_LINES = 10.0
_MINUTE, _HOUR = 60, 3600


def watcher_for(*, quiet: bool) -> RunWatcher | None:
    """Return the view of a run on stderr; `None` when nothing is to be shown."""
    if quiet:
        return None
    return Bar() if is_terminal(sys.stderr) else Lines()


class Lines:
    """Says how far a run is, at most every few seconds.

    Args:
        say: Takes a line; `None`: stderr.
    """

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self._say = say or _on_stderr
        self._next = SECONDS_BETWEEN_LINES

    def note(self, standing: Standing) -> None:
        """Print a line when it is time for one."""
        if standing.seconds >= self._next:
            self._next = standing.seconds + SECONDS_BETWEEN_LINES
            self._say(f"moa: {standing_line(standing)}")

    def close(self) -> None:
        """Nothing is held."""


class Bar:
    """Draws a bar that stays in its line.

    Args:
        console: `None`: stderr.
    """

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.description}"),
            console=console or Console(stderr=True, highlight=False),
            transient=True,
        )
        self._task = self._progress.add_task("")
        self._progress.start()

    def note(self, standing: Standing) -> None:
        """Move the bar."""
        words = standing_line(standing)
        self._progress.update(self._task, total=standing.total, completed=standing.done, description=words)

    def close(self) -> None:
        """Remove it."""
        self._progress.stop()


def standing_line(standing: Standing) -> str:
    """Say in one line how far a run is: done, failed, jobs a second, dollars, time left."""
    whole = "" if standing.total is None else f"/{standing.total}"
    parts = [f"{standing.done}{whole}"]
    if standing.failed:
        parts.append(f"{standing.failed} failed")
    if standing.rate is not None:
        parts.append(f"{standing.rate:.1f}/s" if standing.rate >= 1 else f"{1 / standing.rate:.1f} s each")
    if standing.spent is not None:
        parts.append(f"${standing.spent:.4f}")
    if standing.seconds_left is not None:
        parts.append(f"{_duration(standing.seconds_left)} left")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"


def _on_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
