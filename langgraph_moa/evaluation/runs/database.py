"""Records in SQLite, in write-ahead mode: one file, which other programs can query once the run is over."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.runs.lines import as_json
from langgraph_moa.evaluation.runs.locks import in_use

_TABLE = (
    "CREATE TABLE IF NOT EXISTS results (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, result TEXT NOT NULL)"
)


class DatabaseFile:
    """Records under keys, one a row.

    Args:
        path: Made if it is not there.

    Raises:
        ConfigurationError: The file cannot be read or written, another process has it open, or it is no database.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._connection = _connected(self._path)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and bool(
            self._rows("SELECT 1 FROM results WHERE key = ?", _written(key)).fetchone()
        )

    def __len__(self) -> int:
        count: int = self._rows("SELECT COUNT(*) FROM results").fetchone()[0]
        return count

    def get(self, key: str) -> dict[str, Any] | None:
        """Return a record; `None` when there is none of this key."""
        row = self._rows("SELECT key, result FROM results WHERE key = ?", _written(key)).fetchone()
        return None if row is None else _record(row)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the records, in the order in which they were appended."""
        last = 0
        query = "SELECT key, result, number FROM results WHERE number > ? ORDER BY number LIMIT 1"
        while row := self._rows(query, last).fetchone():
            last = row[2]
            yield _record(row)

    def append(self, key: str, record: dict[str, Any]) -> None:
        """Write a record of a new key; when this returns, it is on the disk.

        Raises:
            ConfigurationError: It holds something that JSON does not know, or its key is there already.
            OSError: It cannot be written.
        """
        row = (_written(key), as_json(record["result"]))
        try:
            self._connection.execute("INSERT INTO results (key, result) VALUES (?, ?)", row)
        except sqlite3.IntegrityError:
            msg = f"{self._path} has a record of {key!r} already"
            raise ConfigurationError(msg) from None
        except sqlite3.Error as error:
            raise OSError(None, str(error), str(self._path)) from error

    def close(self) -> None:
        """Let another process open the file."""
        self._connection.close()

    def _rows(self, query: str, *values: object) -> sqlite3.Cursor:
        return self._connection.execute(query, values)


def _connected(path: Path) -> sqlite3.Connection:
    """Open a database that nobody else has open; every statement is a transaction of its own."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from error
    try:
        for statement in ("PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"):
            connection.execute(statement)
        connection.execute(_TABLE)
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("SELECT key, result FROM results LIMIT 1")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        connection.close()
        if "locked" in str(error):
            raise in_use(path) from error
        raise _unusable(path, error) from error
    return connection


def _unusable(path: Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"cannot use {path} as a run's log: {error}. Name another file")


def _written(key: str) -> str:
    """Return a key in letters that every encoder takes, without a change for those of ASCII."""
    return json.dumps(key)[1:-1]


def _record(row: tuple[Any, ...]) -> dict[str, Any]:
    return {"key": json.loads(f'"{row[0]}"'), "result": json.loads(row[1])}
