"""`--record`: the record of a run in a file, also where the run fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from langgraph_moa.cli import failures

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from langgraph_moa.mixture import Mixture
    from langgraph_moa.record import RunRecorder


def refuse_unwritable(path: str | None) -> None:
    """Refuse a record that cannot be written, before any call is made.

    Raises:
        ConfigurationError: The ending of the path is none that is known, or nothing can be written there.
    """
    if path is not None:
        from langgraph_moa.record.files import writable

        writable(path)


@contextmanager
def recorded(mixture: Mixture, path: str | None) -> Iterator[RunnableConfig]:
    """Give what a run's config must hold for its record to be written when the block ends, however it ends.

    Args:
        mixture: That is run.
        path: Of the record; `None`: there is none.

    Raises:
        OSError: The record cannot be written, and the block has raised nothing; else that is told beside its error.
    """
    if path is None:
        yield {}
        return
    from langgraph_moa.record import RunRecorder

    recorder = RunRecorder(mixture.prices)
    try:
        yield {"callbacks": [recorder]}
    except BaseException:
        try:
            _write(recorder, path)
        except OSError as unwritten:
            failures.report(unwritten)
        raise
    _write(recorder, path)


def _write(recorder: RunRecorder, path: str) -> None:
    """Write the record of the last run, if one has begun."""
    from langgraph_moa.record.files import write_record

    for record in recorder.results()[-1:]:
        write_record(record, path)
