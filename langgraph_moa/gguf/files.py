"""GGUF files: whether one can be run here, found out before any call."""

from __future__ import annotations

import errno
from importlib.util import find_spec
from pathlib import Path

from langgraph_moa.errors import ConfigurationError, MissingDependencyError, MoAError
from langgraph_moa.extras import not_installed

MAGIC = b"GGUF"


def problem(model: str) -> MoAError | None:
    """Return why a model cannot be run here; `None`: nothing speaks against it.

    Args:
        model: Path of the file, as it stands behind `gguf:`.
    """
    if find_spec("xllamacpp") is None:
        return MissingDependencyError(not_installed("xllamacpp", extra="gguf"))
    try:
        file_of(model)
    except ConfigurationError as error:
        return error
    return None


def file_of(model: str) -> Path:
    """Return the file of a model.

    Args:
        model: Its path; `~` is the user's folder, and a relative one begins where the process runs.

    Raises:
        ConfigurationError: There is no such file, or it is none in GGUF.
    """
    try:
        path = Path(model.strip()).expanduser()
        beginning = _beginning(path)
    except (OSError, RuntimeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(f"the model 'gguf:{model}' cannot be read: {why}. Name a .gguf file") from error
    if beginning != MAGIC:
        msg = f"the model 'gguf:{model}' is no GGUF file: it begins with {beginning!r}, not {MAGIC!r}"
        raise ConfigurationError(f"{msg}. Name a .gguf file, as llama.cpp reads it")
    return path.resolve()


def _beginning(path: Path) -> bytes:
    """Read the first bytes of a file; a pipe, which may never give any, is not opened."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is a folder" if path.is_dir() else "it is no regular file")
    with path.open("rb") as file:
        return file.read(len(MAGIC))
