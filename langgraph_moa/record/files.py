"""Records in files: the ending of a name says in which form."""

from __future__ import annotations

import os
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
        is_new = not target.exists()
        target.open("ab").close()
        if is_new:
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
    half = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        half.write_text(written, encoding="utf-8", newline="\n")
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)


def _form(path: str | Path) -> Callable[[RunRecord], str]:
    form = _FORMS.get(Path(path).suffix.lower())
    if form is None:
        endings = ", ".join(_FORMS)
        raise ConfigurationError(f"a record is written to a name that ends with {endings}, got {str(path)!r}")
    return form
