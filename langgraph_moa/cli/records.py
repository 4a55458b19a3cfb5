"""Records of runs for commands: written also where the run fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from langchain_core.runnables import RunnableConfig

from langgraph_moa.cli import failures
from langgraph_moa.record import RunRecorder
from langgraph_moa.record.files import write_record

if TYPE_CHECKING:
    from langgraph_moa.mixture import Mixture


@contextmanager
def recorded(mixture: Mixture, path: str | None) -> Iterator[RunnableConfig | None]:
    """Give the config of a run whose record is written when the block ends, however it ends.

    Args:
        mixture: That is run.
        path: Of the record; `record.files.writable` has checked it. `None`: there is none.

    Raises:
        OSError: The record cannot be written, and the block has raised nothing; else that is told beside its error.
    """
    if path is None:
        yield None
        return
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
    for record in recorder.results()[-1:]:
        write_record(record, path)
