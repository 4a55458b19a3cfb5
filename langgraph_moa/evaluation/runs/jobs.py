"""What a run is made of, and what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeAlias


class Job(NamedTuple):
    """One piece of work."""

    key: str
    """Unlike that of any other job of the run."""
    data: Mapping[str, Any]
    """Plain JSON data: all that the work is told."""


Work: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Makes a job's result, plain JSON data, of the job's data. Under `cost` stand US dollars, or `None`."""


class Failed(NamedTuple):
    """A job that has no result: the next run of the log does it again."""

    key: str
    kind: str
    """Name of the exception's class."""
    message: str
    """Without secrets."""


class Outcome(NamedTuple):
    """Of a run."""

    made: int
    """Jobs whose results are new in the log."""
    reused: int
    """Jobs whose results were there already."""
    failed: tuple[Failed, ...]
    """The first of them, at most `running.MOST_FAILURES`."""
    stopped: str | None
    """Why jobs are left that were not begun; `None`: there are none."""
    spent: float | None
    """US dollars that results tell of; `None`: none tells."""
    unlisted: int = 0
    """Failures beyond those in `failed`."""
    unaccounted: float = 0.0
    """US dollars at most that went into jobs which do not tell, such as failed ones; 0 without a limit."""
