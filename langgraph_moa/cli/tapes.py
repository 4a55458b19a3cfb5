"""Tapes for commands: every request recorded, used again, or replayed."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from langgraph_moa.errors import ConfigurationError


def heard_by(path: str | None, *, replay: bool) -> AbstractContextManager[object]:
    """Return a block whose requests a tape hears.

    Args:
        path: Of the tape; `None`: no tape hears them.
        replay: Whether nobody is asked; if not, what the tape has no answer to is.

    Raises:
        ConfigurationError: A replay has no tape, or the tape cannot be used.
    """
    if path is None:
        if replay:
            raise ConfigurationError("--replay needs a tape: name one with --tape FILE")
        return nullcontext()
    from langgraph_moa.recording import Tape, taping

    return taping(Tape.open(path, mode="replay" if replay else "reuse"))
