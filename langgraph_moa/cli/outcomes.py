"""What came of a run of many jobs, in words, and the exit code that it ends with."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from langgraph_moa.cli import failures
from langgraph_moa.printable import one_line

if TYPE_CHECKING:
    from langgraph_moa.evaluation.datasets import BrokenLine
    from langgraph_moa.evaluation.runs import DryRun, Outcome

_LONGEST_REASON = 300


def problem_lines(outcome: Outcome | None, broken: Iterable[BrokenLine]) -> list[str]:
    """Name what is missing: broken lines, jobs that failed, and why the rest was not begun."""
    lines = [f"left out: {line}" for line in broken]
    if outcome is not None:
        lines += [f"failed: {job.key}: {job.kind}: {_shortened(job.message)}" for job in outcome.failed]
        if outcome.unlisted:
            lines.append(f"failed: {outcome.unlisted} more")
        if outcome.stopped is not None:
            lines.append(f"stopped: {outcome.stopped}")
    return [one_line(line) for line in lines]


def tell_problems(outcome: Outcome | None, broken: Sequence[BrokenLine]) -> int:
    """Print what is missing on stderr, and return the exit code: 0 where nothing is."""
    for line in problem_lines(outcome, broken):
        print(f"moa: {line}", file=sys.stderr, flush=True)
    if outcome is not None and (outcome.failed or outcome.stopped is not None):
        return failures.FAILED
    return failures.BAD_INPUT if broken else failures.OK


def outcome_line(outcome: Outcome) -> str:
    """Say in one line what a run has done."""
    failed = len(outcome.failed) + outcome.unlisted
    parts = [f"{outcome.made} made"]
    if outcome.reused:
        parts.append(f"{outcome.reused} there already")
    if failed:
        parts.append(f"{failed} failed")
    parts.append("cost unknown" if outcome.spent is None and outcome.made else f"${outcome.spent or 0:.4f}")
    return ", ".join(parts)


def outcome_object(outcome: Outcome, broken: Iterable[BrokenLine]) -> dict[str, Any]:
    """Return the same as data for JSON."""
    return {
        **outcome._asdict(),
        "failed": [job._asdict() for job in outcome.failed],
        "broken": [line._asdict() for line in broken],
    }


def plan_lines(plan: DryRun) -> list[str]:
    """Say what a run would make."""
    guess = plan.forecast
    most_tokens = "unknown" if guess.most_tokens is None else f"{guess.most_tokens:,}"
    most_cost = "unknown" if guess.most_cost is None else f"${guess.most_cost:.4f}"
    least_cost = "unknown" if guess.least_cost is None else f"${guess.least_cost:.4f}"
    lines = [
        f"{plan.jobs} to make, {plan.reused} there already",
        f"calls: {guess.calls}",
        f"tokens: {guess.least_tokens:,} of the questions alone, {most_tokens} at most",
        f"cost: {least_cost} for the questions alone, {most_cost} at most",
    ]
    if plan.unpriced:
        lines.append(f"without a known cost (no price, or no max_tokens): {', '.join(plan.unpriced)}")
    return [one_line(line) for line in lines]


def _shortened(message: str) -> str:
    return message if len(message) <= _LONGEST_REASON else f"{message[:_LONGEST_REASON]}…"
