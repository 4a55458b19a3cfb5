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

_PRIVATE = 0o600


def writable(path: str | Path) -> Path:
    """Return the file that a path leads to, where a record can be written; one that is there stays as it is.

    Raises:
        ConfigurationError: Its ending is none that is known, or nothing can be written there.
    """
    _form(path)
    try:
        target = Path(os.path.realpath(path))
        mode = _mode(target)
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode or _PRIVATE))
        if mode is None:
            target.unlink()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        msg = f"no record can be written to {str(path)!r}: {why}. Name a file in a folder that you may write to"
        raise ConfigurationError(msg) from None
    return target


def write_record(record: RunRecord, path: str | Path) -> None:
    """Write a record in the form that the ending of its path says, in place of what was there, whole or not at all.

    Raises:
        ConfigurationError: The ending is none that is known.
        OSError: It cannot be written.
    """
    written = _form(path)(record)
    target = Path(os.path.realpath(path))
    mode = _mode(target)
    handle, name = tempfile.mkstemp(prefix=".moa-", dir=target.parent)
    half = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(written)
        if mode is not None:
            half.chmod(mode)
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)


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
