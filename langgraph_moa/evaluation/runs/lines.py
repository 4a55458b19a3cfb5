"""A file of JSON lines that is only ever appended to, and of which a killed writer leaves at most a torn last line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.runs.locks import lock

_FIRST_PIECE = 1 << 14
_PIECE = 1 << 20


def as_json(data: object) -> str:
    """Write plain data in letters of ASCII: no character in it can end a line or be refused by an encoder.

    Raises:
        ConfigurationError: It holds something that JSON does not know.
    """
    try:
        return json.dumps(data, allow_nan=False)
    except (TypeError, ValueError) as error:
        msg = f"a result must be plain JSON data: {error}. Return texts, numbers, lists and tables"
        raise ConfigurationError(msg) from None


class LineFile:
    """Records under keys, one a line. In memory are the keys and where their lines begin.

    Args:
        path: Made if it is not there.
        key_field: Of every record: where its key stands, a text or a whole number.

    Raises:
        ConfigurationError: The file cannot be read or written, another process writes it, or it holds something else.
    """

    def __init__(self, path: str | Path, *, key_field: str) -> None:
        self._path = Path(path)
        self._key_field = key_field
        self._offsets: dict[str, int] = {}
        self._end = 0
        self._joint = b""
        self._file = _opened(self._path)
        try:
            lock(self._file, self._path)
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __contains__(self, key: object) -> bool:
        return key in self._offsets

    def __len__(self) -> int:
        return len(self._offsets)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return a record; `None` when there is none of this key."""
        offset = self._offsets.get(key)
        return None if offset is None else self._record_at(offset)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the records that there are now, in the order in which they were appended."""
        for offset in list(self._offsets.values()):
            yield self._record_at(offset)

    def append(self, key: str, record: dict[str, Any]) -> None:
        """Write a record of a new key; when this returns, it is on the disk.

        Args:
            key: What stands in the record's key field, as text.
            record: Plain data.

        Raises:
            ConfigurationError: It holds something that JSON does not know, or its key is there already.
            OSError: It cannot be written. The file is as it was before.
        """
        if key in self._offsets:
            msg = f"{self._path} has a record of {key!r} already"
            raise ConfigurationError(msg)
        line = self._joint + as_json(record).encode() + b"\n"
        self._file.truncate(self._end)
        try:
            self._write(line)
        except OSError:
            self._file.truncate(self._end)
            raise
        self._offsets[key] = self._end + len(self._joint)
        self._end += len(line)
        self._joint = b""

    def close(self) -> None:
        """Let another process write the file."""
        self._file.close()

    def _write(self, line: bytes) -> None:
        self._file.seek(self._end)
        left = memoryview(line)
        while left:
            left = left[self._file.write(left) or 0 :]
        os.fsync(self._file.fileno())

    def _record_at(self, offset: int) -> dict[str, Any]:
        self._file.seek(offset)
        pieces = [self._file.read(_FIRST_PIECE)]
        while pieces[-1] and b"\n" not in pieces[-1]:
            pieces.append(self._file.read(_PIECE))
        record: dict[str, Any] = json.loads(b"".join(pieces).partition(b"\n")[0])
        return record

    def _read(self) -> None:
        """Index the file. Nothing in it is changed before there is something to append."""
        with self._path.open("rb") as reader:
            for number, line in enumerate(reader, start=1):
                if not line.endswith(b"\n"):
                    self._read_unended(number, line)
                    return
                if line.strip():
                    self._note(number, self._parsed(number, line))
                self._end += len(line)

    def _read_unended(self, number: int, line: bytes) -> None:
        """Take in a last line that has no end: a whole record is given one later, a torn one is overwritten."""
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            beginning = f'{{"{self._key_field}": '.encode()
            if beginning[: len(line)] != line[: len(beginning)]:
                raise self._foreign(number, "is no record") from None
        else:
            self._note(number, record)
            self._end += len(line)
            self._joint = b"\n"

    def _parsed(self, number: int, line: bytes) -> object:
        try:
            return json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._foreign(number, f"is not JSON ({error})") from None

    def _note(self, number: int, record: object) -> None:
        key = record.get(self._key_field) if isinstance(record, dict) else None
        if isinstance(key, bool) or not isinstance(key, str | int):
            raise self._foreign(number, f"has neither text nor a whole number under {self._key_field!r}")
        if str(key) in self._offsets:
            raise self._foreign(number, f"is a second record of {key!r}")
        self._offsets[str(key)] = self._end

    def _foreign(self, number: int, why: str) -> ConfigurationError:
        return ConfigurationError(f"{self._path}:{number}: this line {why}. Remove it, or name another file")


def _opened(path: Path) -> FileIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}. Name a file in a folder that can be written"
        raise ConfigurationError(msg) from error
    return FileIO(descriptor, "r+b")
