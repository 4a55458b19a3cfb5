"""Notes on stderr: what was chosen, what failed, what it took."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from langgraph_moa.printable import one_line

if TYPE_CHECKING:
    from langgraph_moa.events import ProgressEvent
    from langgraph_moa.summary import MoASummary

_MOST_NAMES = 4
_OFFLINE = "offline:"


class Notes:
    """Prints one line for each note, or nothing when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def say(self, text: str) -> None:
        """Print a note; one that nobody can read is no reason to end a run."""
        if not self._quiet:
            with suppress(OSError):
                print(f"moa: {one_line(text)}", file=sys.stderr, flush=True)


def failure_line(event: ProgressEvent) -> str:
    """Say which call gave no usable answer, and why."""
    seconds = event.get("seconds")
    after = "" if seconds is None else f" after {seconds:.1f} s"
    error = event.get("error")
    reason = f": {error['message']}" if error else ""
    where = f"layer {event['layer']}, " if event["layer"] is not None else ""
    return f"{where}{event['slot']} {event.get('status', event['event'])}{after}{reason}"


def summary_line(summary: MoASummary) -> str:
    """Say how many proposals there were, which calls agreement has saved, and what the run took."""
    total = summary["usage"]["total"]
    tokens = None if total is None else total["total_tokens"]
    parts = [
        f"{summary['ok']}/{summary['planned']} proposals",
        *_saved(summary),
        f"{summary['timing']['total']:.1f} s",
    ]
    asked = [slot for slot in summary["usage"]["slots"] if slot["cost"] is not None or slot["usage"] is not None]
    if not _unpriced(summary) and asked and all(slot["model"].startswith(_OFFLINE) for slot in asked):
        return ", ".join([*parts, "no tokens, no cost"])
    return ", ".join([*parts, "tokens unknown" if tokens is None else f"{tokens} tokens", _cost(summary)])


def degraded_line(summary: MoASummary) -> str | None:
    """Say who is missing and why, and what stands in for the answer; `None` when all is as planned."""
    if not summary["degraded"]:
        return None
    missing = [
        f"layer {item['layer']} {item['proposer']} ({item['status']}{', ' + item['reason'] if item['reason'] else ''})"
        for item in summary["missing"]
    ]
    parts = [f"without {_listed(missing)}"] if missing else []
    left_out = summary["budget"]
    if left_out is not None and left_out["dropped_layers"]:
        layers = _listed([f"layer {number}" for number in left_out["dropped_layers"]])
        parts.append(f"{layers} not asked, to stay within the budget's {left_out['limit']}")
    for stand_in in summary["substitutes"]:
        why = f" ({stand_in['reason']})" if stand_in["reason"] else ""
        parts.append(f"{stand_in['seat']} failed{why}, in its place stands the proposal of {stand_in['proposer']}")
    return f"degraded: {'; '.join(parts) or 'a fallback answered in place of a model'}"


def _saved(summary: MoASummary) -> list[str]:
    saved = summary.get("saved")
    return [f"{saved['calls']} calls saved: {saved['why']}"] if saved is not None and saved["calls"] else []


def _cost(summary: MoASummary) -> str:
    unpriced = _unpriced(summary)
    known = summary["cost"]["total"]
    if not unpriced:
        return f"${known or 0:.4f}"
    return f"{'cost unknown' if known is None else f'${known:.4f} and more'} (unpriced: {_listed(unpriced)})"


def _unpriced(summary: MoASummary) -> list[str]:
    """Return the models that were asked and whose cost is unknown, but for those that cost nothing."""
    return [model for model in summary["cost"]["unpriced"] if not model.startswith(_OFFLINE)]


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"
