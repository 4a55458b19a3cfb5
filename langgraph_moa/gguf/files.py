"""GGUF files: whether one can be run here, found out before any call."""

from __future__ import annotations

import errno
from importlib.util import find_spec
from pathlib import Path

from langgraph_moa.errors import ConfigurationError, MissingDependencyError, MoAError
from langgraph_moa.extras import not_installed
from langgraph_moa.gguf_headers import Header, HeaderError, parts_of, read_header


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


def file_of(model: str) -> tuple[Path, Header]:
    """Return the file of a model, under its own name where that is a link, and what it says of itself.

    Args:
        model: Its path; `~` is the user's folder, and a relative one begins where the process runs.

    Raises:
        ConfigurationError: There is no such file, or it is none in GGUF, or not all of it is there.
    """
    try:
        path = Path(model.strip()).expanduser()
        _refuse_other(path)
        header, *_ = [read_header(part) for part in parts_of(path)]
        return path.parent.resolve() / path.name, header
    except HeaderError as error:
        msg = f"the model 'gguf:{model}' cannot be run: {error}. Name a whole .gguf file, as llama.cpp reads it"
        raise ConfigurationError(msg) from error
    except (OSError, RuntimeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(f"the model 'gguf:{model}' cannot be read: {why}. Name a .gguf file") from error


def _refuse_other(path: Path) -> None:
    """Refuse a folder, and a pipe, which may never give any byte."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is a folder" if path.is_dir() else "it is no regular file")
