"""Records in files: the ending of a name says in which form.

They hold what was asked and answered, so a new one is for its owner alone; one that is there keeps its rights.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.record.run_record import RunRecord

_FORMS: dict[str, Callable[[RunRecord], str]] = {
    ".html": RunRecord.to_html,
    ".md": RunRecord.to_markdown,
    ".json": RunRecord.to_json,
}


def writable(path: str | Path) -> Path:
    """Return the file that a path leads to, where a record can be written; one that is there stays as it is.

    Raises:
        ConfigurationError: Its ending is none that is known, or nothing can be written there.
    """
    _form(path)
    try:
        target = Path(os.path.realpath(path))
        if _mode(target) is None:
            _new_file_beside(target).unlink()
        elif not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        msg = f"no record can be written to {str(path)!r}: {why}. Name a file in a folder that you may write to"
        raise ConfigurationError(msg) from None
    return target


def write_record(record: RunRecord, path: str | Path) -> None:
    """Write a record in the form that the ending of its path says, in place of what was there.

    A reader finds it whole or not at all, but where a file can be written and not be replaced: a mount, or in a folder
    of somebody else.

    Raises:
        ConfigurationError: The ending is none that is known.
        OSError: It cannot be written.
    """
    written = _form(path)(record).encode()
    target = Path(os.path.realpath(path))
    if not _replaced(target, written):
        target.write_bytes(written)


def _replaced(target: Path, written: bytes) -> bool:
    """Put a new file in the place of a target; say whether the place allows that, where there is a file already."""
    mode = _mode(target)
    try:
        half = _new_file_beside(target)
    except OSError:
        if mode is None:
            raise
        return False
    try:
        half.write_bytes(written)
        if mode is not None:
            half.chmod(mode)
        return _moved(half, target, is_new=mode is None)
    finally:
        half.unlink(missing_ok=True)


def _moved(half: Path, target: Path, *, is_new: bool) -> bool:
    try:
        half.replace(target)
    except OSError:
        if is_new:
            raise
        return False
    return True


def _new_file_beside(target: Path) -> Path:
    """Make an empty file in the target's folder, for its owner alone."""
    handle, name = tempfile.mkstemp(prefix=".moa-", dir=target.parent)
    os.close(handle)
    return Path(name)


def _mode(target: Path) -> int | None:
    """Return the rights of a file that is there; `None`: there is none.

    Raises:
        OSError: What is there is no regular file, or cannot be looked at.
    """
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    return stat.S_IMODE(found.st_mode)


def _form(path: str | Path) -> Callable[[RunRecord], str]:
    form = _FORMS.get(Path(path).suffix.lower())
    if form is None:
        endings = ", ".join(_FORMS)
        raise ConfigurationError(f"a record is written to a name that ends with {endings}, got {str(path)!r}")
    return form
