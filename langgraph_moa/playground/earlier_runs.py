"""The runs that a page can open again: the last ones, in memory or in a folder."""

from __future__ import annotations

import re
import secrets
import stat
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from langgraph_moa.errors import ConfigurationError, MoAError
from langgraph_moa.record import RunRecord
from langgraph_moa.record.files import write_record

MOST = 50
"""Runs that are listed, and kept where there is no folder."""
_MOST_TRIED = 4 * MOST
"""Files that are looked at for one list."""
_IDENTIFIER = re.compile(r"[0-9]{8}T[0-9]{12}-[0-9a-f]{16}", re.ASCII)
"""When the run began, to the microsecond, and what tells it from others that began then."""
_FIRST, _LAST = 0.0, datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""Between them a run can have begun, in Unix time."""


class UnknownRunError(MoAError):
    """There is no such run, or not any more."""


class EarlierRuns:
    """Keeps records of runs.

    Args:
        folder: Holds a file of JSON for each run, as `RunRecord.to_json` writes it, and is made when the first one is
            kept; folder and files are for their owner alone. Several processes can share it, and nothing in it is
            ever deleted; a run whose file somebody deletes or changes is gone or changed. `None`: the last `MOST` runs
            are kept in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def keep(self, record: RunRecord) -> str:
        """Keep a record and return the id under which it is found again; ids are in the order of time.

        Raises:
            OSError: The file cannot be written.
        """
        began = datetime.fromtimestamp(record.started_at, UTC)
        identifier = f"{began:%Y%m%dT%H%M%S%f}-{secrets.token_hex(8)}"
        if self._folder is None:
            self._remember(identifier, _Known(record))
        else:
            self._folder.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
            write_record(record, self._folder / f"{identifier}.json")
        return identifier

    def get(self, identifier: str) -> RunRecord:
        """Return a run's record.

        Raises:
            UnknownRunError: There is none of that id.
            ConfigurationError: Its file cannot be read, or holds no record.
        """
        if not _IDENTIFIER.fullmatch(identifier):
            raise UnknownRunError(f"there is no run {identifier[:60]!r}: take an id from the list of earlier runs")
        with self._lock:
            known = self._known.get(identifier)
        if self._folder is not None:
            known = _read(self._folder, identifier, known)
            self._remember(identifier, known)
        elif known is None:
            raise UnknownRunError(f"there is no run {identifier!r} any more: the last {MOST} runs are kept")
        return known.record

    def listed(self) -> list[tuple[str, RunRecord]]:
        """Return the last runs with their ids, the newest first; files that hold no record are left out."""
        found: list[tuple[str, RunRecord]] = []
        for identifier in self._identifiers()[:_MOST_TRIED]:
            if len(found) == MOST:
                break
            with suppress(UnknownRunError, ConfigurationError):  # deleted meanwhile, or not ours: nothing to open
                found.append((identifier, self.get(identifier)))
        return found

    def _identifiers(self) -> Sequence[str]:
        if self._folder is None:
            with self._lock:
                return sorted(self._known, reverse=True)
        stems = [file.stem for file in self._folder.glob("*.json")]
        return sorted(filter(_IDENTIFIER.fullmatch, stems), reverse=True)

    def _remember(self, identifier: str, known: _Known) -> None:
        with self._lock:
            self._known[identifier] = known
            while len(self._known) > MOST:
                del self._known[min(self._known)]


class _Known(NamedTuple):
    """A record, and by what it is seen that its file has not changed."""

    record: RunRecord
    stamp: tuple[int, ...] = ()


def _read(folder: Path, identifier: str, known: _Known | None) -> _Known:
    """Return the record of a file: the one that is known where the file is as it was.

    Raises:
        UnknownRunError: There is no such file.
        ConfigurationError: It cannot be read, or holds no record.
    """
    file = folder / f"{identifier}.json"
    try:
        stamp = _stamp(file)
        if known is not None and known.stamp == stamp:
            return known
        record = RunRecord.from_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnknownRunError(f"there is no run {identifier!r} any more: its file is gone") from None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ConfigurationError(f"the file of run {identifier!r} cannot be read ({why}): open another run") from None
    if not _FIRST <= record.started_at < _LAST:
        raise ConfigurationError(f"the file of run {identifier!r} names no time of this calendar: open another run")
    return _Known(record, stamp)


def _stamp(file: Path) -> tuple[int, ...]:
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(0, "it is no file")
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
