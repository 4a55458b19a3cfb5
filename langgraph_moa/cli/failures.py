"""Failures as one line on stderr and an exit code.

| code | meaning |
|---|---|
| 0 | done |
| 1 | the run failed |
| 2 | the input or the set-up is wrong, or a chat could not be saved |
| 130 | interrupted by Ctrl-C |
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import typer

from langgraph_moa.errors import ConfigurationError, MissingDependencyError, MissingKeyError, MoAError
from langgraph_moa.printable import one_line

OK = 0
FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130


class UnsavedChatError(MoAError):
    """A chat's database could not be read or written."""


_SET_UP = (ConfigurationError, MissingDependencyError, MissingKeyError, UnsavedChatError)


def exit_code(error: BaseException) -> int:
    """Return the exit code that an error ends the process with."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return BAD_INPUT if isinstance(error, _SET_UP) else FAILED


def message(error: BaseException) -> str:
    """Return an error as one line without secrets and control characters; foreign errors are named by their class."""
    from langgraph_moa.redaction import redact

    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError) and not isinstance(error, MoAError):
        text = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    elif isinstance(error, MoAError):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return one_line(redact(text))


def report(error: BaseException) -> None:
    """Print an error as one line on stderr."""
    print(f"moa: {message(error)}", file=sys.stderr, flush=True)


@contextmanager
def reported() -> Iterator[None]:
    """Turn whatever a command raises into a line and `typer.Exit`. Nothing is printed when a reader has gone away.

    Raises:
        Exit: With the exit code.
    """
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except typer.TyperException as error:
        help_of = getattr(getattr(error, "ctx", None), "command_path", "moa")
        print(f"moa: {one_line(error.format_message()).rstrip('.')}. See {help_of} --help", file=sys.stderr)
        raise typer.Exit(BAD_INPUT) from None
    except BrokenPipeError:
        _discard_output()
        raise typer.Exit(OK) from None
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - no traceback for users
        _report_or_discard(error)
        raise typer.Exit(exit_code(error)) from None


def flush_output() -> None:
    """Send what is printed so far, so that a reader that has gone away is met here and not at the interpreter's end."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _report_or_discard(error: BaseException) -> None:
    try:
        report(error)
        flush_output()
    except OSError:
        _discard_output()


def _discard_output() -> None:
    """Point stdout and stderr nowhere: what they still hold cannot be written, and the interpreter would complain."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
            continue
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
