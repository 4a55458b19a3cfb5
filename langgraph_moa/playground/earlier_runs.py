"""The runs that a page can open again: the last ones, in memory or in a folder."""

from __future__ import annotations

import re
import secrets
import threading
from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path

from langgraph_moa.errors import ConfigurationError, MoAError
from langgraph_moa.record import RunRecord

MOST = 50
"""Runs that are listed, and kept where there is no folder."""
_IDENTIFIER = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{16}", re.ASCII)


class UnknownRunError(MoAError):
    """There is no such run, or not any more."""


class EarlierRuns:
    """Keeps records of runs.

    Args:
        folder: Holds a file of JSON for each run, as `RunRecord.to_json` writes it, and is made when the first one is
            kept. Several processes can share it, and nothing in it is ever deleted. `None`: the last `MOST` runs are
            kept in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._read: OrderedDict[str, RunRecord] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, record: RunRecord) -> str:
        """Keep a record and return the id under which it is found again; ids are in the order of time.

        Raises:
            OSError: The file cannot be written.
        """
        began = datetime.fromtimestamp(record.started_at, UTC)
        identifier = f"{began:%Y%m%dT%H%M%S}-{secrets.token_hex(8)}"
        if self._folder is not None:
            _write(self._folder, f"{identifier}.json", record.to_json())
        self._remember(identifier, record)
        return identifier

    def get(self, identifier: str) -> RunRecord:
        """Return a run's record.

        Raises:
            UnknownRunError: There is none of that id.
            ConfigurationError: Its file holds no record.
        """
        if not _IDENTIFIER.fullmatch(identifier):
            raise UnknownRunError(f"there is no run {identifier[:60]!r}: take an id from the list of earlier runs")
        with self._lock:
            record = self._read.get(identifier)
        if record is None:
            record = self._from_file(identifier)
            self._remember(identifier, record)
        return record

    def listed(self) -> list[tuple[str, RunRecord]]:
        """Return the last runs with their ids, the newest first; files that hold no record are left out."""
        found = []
        for identifier in self._identifiers()[:MOST]:
            try:
                found.append((identifier, self.get(identifier)))
            except (UnknownRunError, ConfigurationError):  # deleted meanwhile, or not ours: nothing to open
                continue
        return found

    def _identifiers(self) -> list[str]:
        if self._folder is None:
            with self._lock:
                return sorted(self._read, reverse=True)
        stems = [file.stem for file in self._folder.glob("*.json")]
        return sorted(filter(_IDENTIFIER.fullmatch, stems), reverse=True)

    def _from_file(self, identifier: str) -> RunRecord:
        if self._folder is not None:
            try:
                return RunRecord.from_json((self._folder / f"{identifier}.json").read_text(encoding="utf-8"))
            except FileNotFoundError:
                pass
        raise UnknownRunError(f"there is no run {identifier!r} any more: the last {MOST} runs are kept")

    def _remember(self, identifier: str, record: RunRecord) -> None:
        with self._lock:
            self._read[identifier] = record
            while len(self._read) > MOST:
                self._read.popitem(last=False)


def _write(folder: Path, name: str, text: str) -> None:
    """Write a file that nobody sees half written."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{name}.unfinished"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(folder / name)
