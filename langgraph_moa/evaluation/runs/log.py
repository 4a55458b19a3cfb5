"""The log of a run: results under keys, appended as they come, and whose they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.runs.database import DatabaseFile
from langgraph_moa.evaluation.runs.identity import Identity
from langgraph_moa.evaluation.runs.lines import LineFile

FORMAT = 1
"""Version of what is written here; a log of another is refused."""
_HEADER = ""
"""Key of the record that says whose log it is; no job has it."""
DATABASE_ENDINGS = (".sqlite", ".db")
LINE_ENDINGS = (".jsonl",)


class Store(Protocol):
    """Records, each with its key under `key`, of which none is ever changed."""

    def __contains__(self, key: object) -> bool: ...
    def __len__(self) -> int: ...
    def get(self, key: str) -> dict[str, Any] | None:
        """Return a record; `None` when there is none."""

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield all, in the order in which they were appended."""

    def append(self, key: str, record: dict[str, Any]) -> None:
        """Keep a record; it survives the end of the process from then on."""

    def close(self) -> None:
        """Let another process write."""


class ResultLog(Protocol):
    """What `run_jobs` writes to."""

    def __contains__(self, key: object) -> bool: ...
    def append(self, key: str, result: Mapping[str, Any]) -> None:
        """Keep the result of a job."""


class RunLog:
    """Results of jobs, kept in a file that outlives the run. Errors never get here: `run_jobs` tells them apart.

    In memory are the keys alone. A context manager; one process at a time can have it open.

    ```python
    with RunLog.open("answers.jsonl", mixture_identity(mixture)) as log:
        outcome = await run_jobs(jobs, work, log, RunOptions())
        for key, result in log.results(): ...
    ```
    """

    def __init__(self, store: Store, path: Path) -> None:
        self._store = store
        self.path = path

    @classmethod
    def open(cls, path: str | Path, identity: Identity) -> Self:
        """Open a log, or begin one: JSON lines where the path ends in `.jsonl`, SQLite for `.sqlite` and `.db`.

        Raises:
            ConfigurationError: It is of another version or run, is no log, is in use, or cannot be written.
        """
        file = Path(path)
        store = _store(file)
        try:
            _claim(store, file, identity)
        except BaseException:
            store.close()
            raise
        return cls(store, file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __contains__(self, key: object) -> bool:
        return key != _HEADER and key in self._store

    def __len__(self) -> int:
        return len(self._store) - 1

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the result of a job; `None` when there is none yet."""
        record = self._store.get(key) if key != _HEADER else None
        return None if record is None else record["result"]

    def append(self, key: str, result: Mapping[str, Any]) -> None:
        """Keep the result of a job; when this returns, it is on the disk.

        Raises:
            ConfigurationError: It is no plain JSON data, or the key is empty or there already.
            OSError: It cannot be written.
        """
        if key == _HEADER:
            msg = "the key of a job is a text that is not empty"
            raise ConfigurationError(msg)
        self._store.append(key, {"key": key, "result": dict(result)})

    def results(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield key and result of every job that is done, in the order in which they ended, one at a time."""
        for record in self._store.records():
            if record["key"] != _HEADER:
                yield record["key"], record["result"]

    def close(self) -> None:
        """Let another run have it."""
        self._store.close()


def _store(path: Path) -> Store:
    if path.suffix in DATABASE_ENDINGS:
        return DatabaseFile(path)
    if path.suffix in LINE_ENDINGS:
        return LineFile(path, key_field="key")
    endings = ", ".join((*LINE_ENDINGS, *DATABASE_ENDINGS))
    msg = f"a run's log ends in one of {endings}; got {str(path)!r}. Name it for example {path.stem}.jsonl"
    raise ConfigurationError(msg)


def _claim(store: Store, path: Path, identity: Identity) -> None:
    """Write whose log it is, or compare."""
    header = store.get(_HEADER)
    if header is not None:
        refuse_another(path, header["result"], identity)
    elif len(store):
        msg = f"{path} is not the log of a run: it does not begin with what run it is of. Name another file"
        raise ConfigurationError(msg)
    else:
        store.append(_HEADER, {"key": _HEADER, "result": header_of(identity)})


def header_of(identity: Identity) -> dict[str, Any]:
    """Return what a log says of the run that it is of."""
    return {"format": FORMAT, **asdict(identity)}


def refuse_another(path: Path, header: object, identity: Identity) -> None:
    """Compare a log's header with the run that wants to continue it.

    Raises:
        ConfigurationError: They differ in the version of the format, in kind or in fingerprint.
    """
    given = header if isinstance(header, dict) else {}
    if given.get("format") != FORMAT:
        version = given.get("format", "an unknown format")
        msg = f"{path} was written in format {version}, this program writes {FORMAT}. Name another file"
        raise ConfigurationError(f"{msg} (the log: fingerprint {given.get('fingerprint')}; this run: {identity})")
    logged = Identity(*(str(given.get(name)) for name in ("kind", "name", "fingerprint")))
    if (logged.kind, logged.fingerprint) != (identity.kind, identity.fingerprint):
        msg = f"{path} is the log of another run. The log: {logged}. This run: {identity}"
        raise ConfigurationError(f"{msg}. Name another file, or run what the log is of")
