"""Tapes as files: SQLite, or JSON lines; both only grow, and several threads and processes may write at a time."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from langgraph_moa.errors import ConfigurationError

ENDINGS = (".sqlite", ".db", ".jsonl")
_NAME = "langgraph-moa tape"
_PATIENCE = 60.0
"""Seconds for another process to finish writing."""
_PAUSE = 0.02
"""Seconds before a file is tried again that another process has just begun."""
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_TABLES = (
    "CREATE TABLE header (name TEXT NOT NULL, version INTEGER NOT NULL)",
    """CREATE TABLE takes (
        number INTEGER PRIMARY KEY, key TEXT NOT NULL, seat TEXT NOT NULL, model TEXT NOT NULL, take TEXT NOT NULL
    )""",
    "CREATE INDEX takes_by_key ON takes (key)",
    "CREATE INDEX takes_by_model ON takes (model)",
)
logger = logging.getLogger(__name__)


class Row(NamedTuple):
    """One request on a tape."""

    key: str
    seat: str
    take: dict[str, Any]


class TapeFile(ABC):
    """Where rows are kept. Its methods may be called from any thread."""

    @abstractmethod
    def append(self, row: Row) -> None:
        """Keep a row."""

    @abstractmethod
    def rows(self, key: str) -> list[Row]:
        """Return the rows of a key, in the order in which they were kept."""

    @abstractmethod
    def count(self, model: str | None = None) -> int:
        """Return how many rows there are, of one model or of all."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""


def open_file(path: Path, version: int, *, may_write: bool) -> TapeFile:
    """Open a tape by the ending of its name.

    Args:
        path: A new tape is begun where there is no file, and `may_write` allows it.
        version: That is read and written.
        may_write: Whether rows will be added.

    Raises:
        ConfigurationError: The ending is unknown, the file is no tape, or one of another version, or it is missing, or
            cannot be opened.
    """
    if path.suffix not in ENDINGS:
        msg = f"a tape's name must end in {', '.join(ENDINGS)}; got {str(path)!r}"
        raise ConfigurationError(msg)
    if not may_write and not path.is_file():
        msg = f"there is no tape {str(path)!r} to replay: record one with mode='record'"
        raise ConfigurationError(msg)
    kind = JsonLines if path.suffix == ".jsonl" else Database
    try:
        return kind(path, version, may_write=may_write)
    except OSError as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: Exception) -> ConfigurationError:
    msg = f"the tape {str(path)!r} cannot be opened ({error}): name a file in a folder that exists and may be used"
    return ConfigurationError(msg)


def _check_header(path: Path, name: object, found: object, version: int) -> None:
    if name != _NAME:
        msg = f"{str(path)!r} is no tape: name another file"
        raise ConfigurationError(msg)
    if found != version:
        msg = (
            f"the tape {str(path)!r} has format version {found}, and this version of langgraph-moa reads version "
            f"{version}: record it again"
        )
        raise ConfigurationError(msg)


class Database(TapeFile):
    """A tape in SQLite, with one connection for each process."""

    def __init__(self, path: Path, version: int, *, may_write: bool) -> None:
        self._path = path
        self._version = version
        self._may_write = may_write
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._connection = self._connected()

    def append(self, row: Row) -> None:
        """Keep a row; it is on the disk when the operating system has written it."""
        written = (row.key, row.seat, row.take["model"], json.dumps(row.take, ensure_ascii=False))
        self._run("INSERT INTO takes (key, seat, model, take) VALUES (?, ?, ?, ?)", written)

    def rows(self, key: str) -> list[Row]:
        """Return the rows of a key, those of other processes among them."""
        found = self._run("SELECT key, seat, take FROM takes WHERE key = ? ORDER BY number", (key,))
        return [Row(row[0], row[1], json.loads(row[2])) for row in found]

    def count(self, model: str | None = None) -> int:
        """Return how many rows there are."""
        where, values = ("", ()) if model is None else (" WHERE model = ?", (model,))
        return int(self._run(f"SELECT COUNT(*) FROM takes{where}", values)[0][0])  # noqa: S608 - a constant

    def close(self) -> None:
        """Close the connection of this process."""
        with self._lock:
            if self._process == os.getpid():
                self._connection.close()

    def _run(self, statement: str, values: tuple[str, ...]) -> list[Any]:
        with self._lock:
            if self._process != os.getpid():  # a connection must not cross a fork
                self._process, self._connection = os.getpid(), self._connected()
            return self._connection.execute(statement, values).fetchall()

    def _connected(self) -> sqlite3.Connection:
        """Open the file. SQLite does not wait by itself where several change a new file's journal at the same time."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                with ExitStack() as unless_opened:
                    connection = sqlite3.connect(
                        self._address(), uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
                    )
                    unless_opened.callback(connection.close)
                    if self._may_write:
                        self._begin(connection)
                    self._check(connection)
                    unless_opened.pop_all()
                    return connection
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > until:
                    raise _unusable(self._path, error) from None
            except sqlite3.DatabaseError as error:
                msg = f"{str(self._path)!r} is no tape ({error}): name another file"
                raise ConfigurationError(msg) from None
            time.sleep(_PAUSE)

    def _address(self) -> str:
        """Return where the file is for SQLite; what will only be read may lie where nothing can be written."""
        at = self._path.absolute()
        if self._may_write:
            return f"{at.as_uri()}?mode=rwc"
        is_still = not os.access(at.parent, os.W_OK) and not at.with_name(f"{at.name}-wal").exists()
        return f"{at.as_uri()}?mode=ro{'&immutable=1' if is_still else ''}"

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Write the tables into a file that has none."""
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if _tables(connection):
            return
        connection.execute("BEGIN IMMEDIATE")
        if not _tables(connection):
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute("INSERT INTO header VALUES (?, ?)", (_NAME, self._version))
        connection.execute("COMMIT")

    def _check(self, connection: sqlite3.Connection) -> None:
        is_headed = "header" in _tables(connection)
        header = connection.execute("SELECT name, version FROM header").fetchone() if is_headed else None
        name, found = header or (None, None)
        _check_header(self._path, name, found, self._version)


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


class JsonLines(TapeFile):
    """A tape in JSON lines, whose first line is its header. Memory holds where each row stands, and no row."""

    def __init__(self, path: Path, version: int, *, may_write: bool) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._offsets: defaultdict[str, list[int]] = defaultdict(list)
        self._models: defaultdict[str, int] = defaultdict(int)
        self._read_to = 0
        if may_write and not (path.is_file() and path.stat().st_size):
            self._write({"name": _NAME, "version": version})
        with path.open("rb") as lines:
            first = lines.readline()
            header = _table(first) or {}
            self._read_to = len(first)
        _check_header(path, header.get("name"), header.get("version"), version)
        self._read_on()

    def append(self, row: Row) -> None:
        """Add a line in one piece."""
        with self._lock:
            self._write(row._asdict())

    def rows(self, key: str) -> list[Row]:
        """Return the rows of a key, those of other processes among them."""
        with self._lock, self._path.open("rb") as lines:
            self._read_on()
            return [Row(**json.loads(_line_at(lines, offset))) for offset in self._offsets.get(key, ())]

    def count(self, model: str | None = None) -> int:
        """Return how many rows there are."""
        with self._lock:
            self._read_on()
            return sum(self._models.values()) if model is None else self._models.get(model, 0)

    def close(self) -> None:
        """Do nothing: no file is held open."""

    def _write(self, table: dict[str, Any]) -> None:
        line = json.dumps(table, ensure_ascii=False).encode() + b"\n"
        with self._path.open("ab+", buffering=0) as file:
            is_torn = file.seek(0, os.SEEK_END) > 0 and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n"
            file.write(b"\n" + line if is_torn else line)

    def _read_on(self) -> None:
        """Note where the rows stand that were added since; the end of a line may be still to come."""
        with self._path.open("rb") as lines:
            lines.seek(self._read_to)
            for line in lines:
                if not line.endswith(b"\n"):
                    return
                row = _table(line)
                if row is not None and _is_row(row):
                    self._offsets[row["key"]].append(self._read_to)
                    self._models[row["take"].get("model", "")] += 1
                elif line != b"\n" and (row is None or row.get("name") != _NAME):
                    logger.warning(
                        "%s: the line at byte %d is no request, and is passed over", self._path, self._read_to
                    )
                self._read_to += len(line)


def _is_row(table: dict[str, Any]) -> bool:
    """Say whether a line is a request; two processes may both have begun the file, or seen half of a line."""
    kinds = {"key": str, "seat": str, "take": dict}
    return table.keys() == kinds.keys() and all(isinstance(table[name], kind) for name, kind in kinds.items())


def _table(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _line_at(lines: Any, offset: int) -> bytes:  # noqa: ANN401 - a file of bytes
    lines.seek(offset)
    line: bytes = lines.readline()
    return line
