"""Exceptions as data, fit to be kept, shown and sent."""

from __future__ import annotations

from collections.abc import Iterable

from langgraph_moa.printable import one_line
from langgraph_moa.proposal import Failure
from langgraph_moa.redaction import redact
from langgraph_moa.retrying import root_cause
from langgraph_moa.surrogates import well_formed

_LONGEST = 500


def failure_of(error: BaseException | None, secrets: Iterable[str] = (), *, longest: int = _LONGEST) -> Failure:
    """Return an exception as data: its kind, and its message in one line without secrets and control characters.

    Args:
        error: A group of one exception is what that exception is.
        secrets: Keys that may stand in its message; what looks like a key is masked besides.
        longest: Characters that are kept of its message.
    """
    cause = error if error is None else root_cause(error)
    try:
        said = "" if cause is None else str(cause)
    except Exception:  # noqa: BLE001 - an exception that cannot be shown is data all the same
        said = ""
    text = one_line(well_formed(redact(said, secrets)))
    return Failure(kind=type(cause).__name__, message=text[:longest] or type(cause).__name__)
