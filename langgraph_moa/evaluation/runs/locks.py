"""One writer at a time. The system lets go of a lock when its process ends, however it ends."""

from __future__ import annotations

import sys
from io import FileIO
from pathlib import Path

from langgraph_moa.errors import ConfigurationError

if sys.platform == "win32":
    import msvcrt

    _FAR_BEHIND_ALL_DATA = 1 << 62

    def _take(file: FileIO) -> None:
        file.seek(_FAR_BEHIND_ALL_DATA)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(file: FileIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock(file: FileIO, path: Path) -> None:
    """Lock an open file until it is closed.

    Raises:
        ConfigurationError: It is locked: by another process, or elsewhere in this one.
    """
    try:
        _take(file)
    except OSError as error:
        raise in_use(path) from error


def in_use(path: Path) -> ConfigurationError:
    """Return the error that a locked file gives."""
    return ConfigurationError(f"{path} is in use by another run: wait for its end, or name another file")
