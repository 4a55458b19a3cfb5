"""Prompts of judges, from the user's own files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langgraph_moa.errors import ConfigurationError


def read_tables(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines, or of one JSON list, all of it; a prompt that is missing would change every judgment.

    Raises:
        ConfigurationError: It cannot be read, or a line is no object.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read {path}: {error}"
        raise ConfigurationError(msg) from error
    if text.lstrip().startswith("["):
        return [_table(path, 1, item) for item in _parsed(path, 1, text)]
    lines = enumerate(text.splitlines(), start=1)
    return [_table(path, number, _parsed(path, number, line)) for number, line in lines if line.strip()]


def field_of(path: Path, table: Mapping[str, Any], *names: str | int) -> Any:  # noqa: ANN401 - any JSON
    """Return what stands in a table under a name, and under further names within it.

    Raises:
        ConfigurationError: It is not there.
    """
    found: Any = table
    for name in names:
        try:
            found = found[name]
        except (KeyError, IndexError, TypeError):
            whole = ".".join(map(str, names))
            msg = f"{path} has a table without {whole}: {json.dumps(table)[:200]}. Take the authors' own file"
            raise ConfigurationError(msg) from None
    return found


def filled(template: str, values: Mapping[str, str], fields: Sequence[str]) -> str:
    """Put values into a template's fields, each once: a field's name within a value stays as it is.

    Raises:
        ConfigurationError: The template has a field that there is no value for.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            msg = f"the judge's prompt asks for {found[0]}, which this sample has not got"
            raise ConfigurationError(msg)
        return values[found[1]]

    return re.sub(rf"\{{({'|'.join(map(re.escape, fields))})\}}", value, template)


def _parsed(path: Path, line: int, text: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(text)
    except ValueError as error:
        msg = f"{path}:{line}: it is not JSON: {error}"
        raise ConfigurationError(msg) from error


def _table(path: Path, line: int, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        msg = f"{path}:{line}: it is no object"
        raise ConfigurationError(msg)
    return value
