"""A run on a terminal: each layer's proposers side by side, then the answer as it comes."""

from __future__ import annotations

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from langgraph_moa.cli.notes import Notes, degraded_line, failure_line, summary_line
from langgraph_moa.cli.running import Answer
from langgraph_moa.events import ProgressEvent
from langgraph_moa.mixture import Mixture
from langgraph_moa.printable import one_line, printable
from langgraph_moa.progress import Call, Progress, Stage, State
from langgraph_moa.visible import VisibleStream

_MARKS: dict[State, tuple[str, str]] = {
    "waiting": ("·", "dim"),
    "answering": ("▸", "cyan"),
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("-", "yellow"),
    "not needed": ("=", "dim"),
}
_WIDE_CELL = 36
_NARROWEST_CELL = 14
_MOST_FAILURES = 8
_REFRESHES_PER_SECOND = 8


class LiveView:
    """Watches a run on a terminal.

    Args:
        notes: Where the summary goes.
        console: `None`: stdout.
    """

    def __init__(self, notes: Notes, console: Console | None = None) -> None:
        self._notes = notes
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._progress: Progress | None = None
        self._stage: int | None = None
        self._stream = VisibleStream()
        self._in_line = False

    def begin(self, mixture: Mixture) -> None:
        """Show the first layer, waiting."""
        self._progress = Progress(mixture)
        self._stage = 1
        self._stream = VisibleStream()
        self._live = Live(
            console=self._console,
            get_renderable=self._drawing,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)

    def progress(self, event: ProgressEvent) -> None:
        """Draw what a call does; a stage that is over stays on the screen above the running one."""
        if self._progress is None:
            return
        before = self._stage
        self._progress.take(event, time.monotonic())
        self._stage = self._progress.current
        if self._live is not None and before != self._stage:
            self._live.console.print(self._finished(self._progress.stages[before]))

    def token(self, text: str, *, restarted: bool) -> None:
        """Print a piece of the answer as soon as it is visible."""
        if restarted:
            self._line_end()
            self._notes.say("the model broke off; another one answers from the beginning")
            self._stream = VisibleStream()
        self._write(self._stream.feed(text))

    def finish(self, answer: Answer) -> None:
        """Print what of the answer was not streamed, and what the run took."""
        rest = self._stream.rest(answer.text)
        if rest is None:
            self._line_end()
            rest = answer.text
        self._write(rest)
        self._line_end()
        degraded = degraded_line(answer.summary)
        if degraded:
            self._notes.say(degraded)
        self._notes.say(summary_line(answer.summary))

    def close(self) -> None:
        """Stop drawing and give the cursor back."""
        self._stop_drawing(keep=True)
        self._line_end()

    def _write(self, text: str) -> None:
        shown = printable(text)
        if not shown:
            return
        self._stop_drawing(keep=False)
        self._console.file.write(shown)
        self._console.file.flush()
        self._in_line = not shown.endswith("\n")

    def _line_end(self) -> None:
        if self._in_line:
            self._write("\n")

    def _stop_drawing(self, *, keep: bool) -> None:
        live, self._live = self._live, None
        if live is None:
            return
        live.stop()
        if keep and self._progress is not None:
            self._console.print(self._finished(self._progress.stages[self._stage]))

    def _drawing(self) -> RenderableType:
        if self._progress is None:
            return Text()
        height = max(4, self._console.size.height - 3)
        return draw_stage(self._progress.stages[self._stage], time.monotonic(), self._console.width, height)

    def _finished(self, stage: Stage) -> RenderableType:
        """Return a stage as it stays on the screen, with the reasons of its failures."""
        now = time.monotonic()
        failures = [failure_line(call.failure) for call in stage.calls.values() if call.failure is not None]
        lines = [Text(f"  {one_line(line)}", style="red") for line in failures[:_MOST_FAILURES]]
        if len(failures) > _MOST_FAILURES:
            lines.append(Text(f"  and {len(failures) - _MOST_FAILURES} more", style="red"))
        return Group(draw_stage(stage, now, self._console.width, self._console.size.height), *lines)


def draw_stage(stage: Stage, now: float, width: int, height: int) -> RenderableType:
    """Draw a stage's calls side by side: in words where they fit into `height` lines, by marks where they do not."""
    calls = list(stage.calls.values())
    columns = max(1, min(len(calls), width // _WIDE_CELL))
    while -(-len(calls) // columns) > height - 1 and width // (columns + 1) >= _NARROWEST_CELL:
        columns += 1
    cell = width // columns
    grid = Table.grid(padding=0)
    for _ in range(columns):
        grid.add_column(width=cell, no_wrap=True, overflow="ellipsis")
    for first in range(0, len(calls), columns):
        grid.add_row(*(draw_call(call, now, cell - 1) for call in calls[first : first + columns]))
    return Group(Text(f"{stage.title}: {stage.counts()}", style="bold"), grid)


def draw_call(call: Call, now: float, width: int) -> Text:
    """Draw one call in `width` characters: mark, name, state, seconds and tokens; the name yields first."""
    mark, style = _MARKS[call.state]
    seconds = call.seconds(now)
    facts = [] if seconds is None else [f"{seconds:.1f}s"]
    facts += [] if call.tokens is None else [f"{call.tokens} tok"]
    if width >= _WIDE_CELL - 1:
        facts.insert(0, call.state)
    tail = " ".join(facts)
    room = max(4, width - len(mark) - 2 - len(tail))
    name = one_line(call.slot)
    name = name if len(name) <= room else f"{name[: room - 1]}…"
    return Text.assemble((mark, style), " ", name, " ", (tail, style))
