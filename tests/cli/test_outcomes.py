"""What came of a run, in words."""

from __future__ import annotations

import pytest

from langgraph_moa.cli.outcomes import outcome_line, outcome_object, problem_lines, tell_problems
from langgraph_moa.evaluation.datasets import BrokenLine
from langgraph_moa.evaluation.runs import Failed, Outcome

FINE = Outcome(made=3, reused=2, failed=(), stopped=None, spent=0.5)
BAD = Outcome(
    made=0, reused=0, failed=(Failed("q1", "QuorumError", "no\x1b[2J one"),), stopped="why", spent=None, unlisted=4
)
BROKEN = [BrokenLine("in.jsonl", 7, "it is not JSON")]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (FINE, "3 made, 2 there already, $0.5000"),
        (BAD, "0 made, 5 failed, $0.0000"),
        (FINE._replace(spent=None, reused=0), "3 made, cost unknown"),
    ],
)
def test_a_line_says_what_was_made(outcome: Outcome, said: str) -> None:
    """What was made, reused and failed, and the cost as far as it is known."""
    assert outcome_line(outcome) == said


def test_problems_are_lines_of_their_own() -> None:
    """Broken lines, failures, those beyond the list and the reason of a stop are named, without control characters."""
    assert problem_lines(BAD, BROKEN) == [
        "left out: in.jsonl:7: it is not JSON",
        "failed: q1: QuorumError: no[2J one",
        "failed: 4 more",
        "stopped: why",
    ]


@pytest.mark.parametrize(
    ("outcome", "broken", "code"),
    [(FINE, [], 0), (FINE, BROKEN, 2), (BAD, BROKEN, 1), (FINE._replace(stopped="why"), [], 1), (None, BROKEN, 2)],
)
def test_the_exit_code_says_what_is_missing(
    outcome: Outcome | None, broken: list[BrokenLine], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Failures and a stop give 1, lines that were left out give 2, and a whole run gives 0."""
    assert tell_problems(outcome, broken) == code
    assert bool(capsys.readouterr().err) == bool(code)


def test_the_object_is_plain_data() -> None:
    """Failures and broken lines are tables."""
    told = outcome_object(BAD, BROKEN)
    assert told["failed"] == [{"key": "q1", "kind": "QuorumError", "message": "no\x1b[2J one"}]
    assert told["broken"] == [{"path": "in.jsonl", "line": 7, "why": "it is not JSON"}]
