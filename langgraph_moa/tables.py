"""Reads TOML and JSON files into tables."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from langgraph_moa.errors import ConfigurationError


def read_table(path: str | Path) -> dict[str, Any]:
    """Read a `.toml` or `.json` file, in UTF-8.

    Raises:
        ConfigurationError: The file cannot be read, is malformed (with the line), or holds no table.
    """
    file = Path(path)
    if file.suffix not in {".toml", ".json"}:
        msg = f"{file}: a mixture file ends in .toml or .json, got {file.suffix or 'no ending'!r}"
        raise ConfigurationError(msg)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        msg = f"cannot read {file}: {reason}. Name a readable .toml or .json file"
        raise ConfigurationError(msg) from error
    try:
        table = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"{file} is not valid {file.suffix[1:].upper()}: {error}"
        raise ConfigurationError(msg) from error
    if not isinstance(table, dict):
        msg = f"{file} must hold a table at the top, got {type(table).__name__}"
        raise ConfigurationError(msg)
    return table
