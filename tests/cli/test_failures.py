"""Errors as a line and an exit code."""

from __future__ import annotations

import pytest
import typer

from langgraph_moa.cli import failures
from langgraph_moa.errors import (
    AggregatorError,
    BudgetError,
    ConfigurationError,
    MissingDependencyError,
    MissingKeyError,
    QuorumError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("x"), 2),
        (MissingKeyError("x"), 2),
        (MissingDependencyError("x"), 2),
        (failures.UnsavedChatError("x"), 2),
        (QuorumError(1, 1, []), 1),
        (AggregatorError("x", []), 1),
        (BudgetError("max_cost", 1.0, 0.5, 0.7), 1),
        (RuntimeError("x"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong input or set-up ends with 2, a failed run with 1, Ctrl-C with 130; each says one line."""
    with pytest.raises(typer.Exit) as ended, failures.reported():
        raise error
    assert ended.value.exit_code == code
    assert capsys.readouterr().err.count("\n") == 1


def test_secrets_and_line_ends_are_taken_out() -> None:
    """The message of a foreign error is one line, named by its class, with keys masked."""
    said = failures.message(RuntimeError("bad key\nsk-abcdefghijklmnop\x1b[2J"))
    assert said == "RuntimeError: bad key **********[2J"


def test_an_error_of_the_system_is_told_in_words() -> None:
    """An `OSError` shows its reason and file, not its number."""
    assert failures.message(OSError(28, "No space left on device", "out")) == "No space left on device: out"


def test_a_closed_pipe_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """A reader that has gone away is no error."""
    with pytest.raises(typer.Exit) as ended, failures.reported():
        raise BrokenPipeError
    assert ended.value.exit_code == 0
    assert capsys.readouterr() == ("", "")
