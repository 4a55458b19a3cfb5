"""Writes a mixture into a file that `Mixture.from_file` reads, with where it comes from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.labels import one_line
from langgraph_moa.extras import require
from langgraph_moa.mixture import Mixture


def write_mixture(mixture: Mixture, path: str | Path, about: Sequence[str] = ()) -> None:
    """Write a mixture; a file of that name is replaced. Keys are left out, as in `Mixture.to_dict`.

    Args:
        mixture: Its models are strings.
        path: Ends in `.toml` or `.json`; only TOML has room for `about`.
        about: Lines of a comment at the top, such as source and date.

    Raises:
        ConfigurationError: The ending is another one, or a model is an object.
        MissingDependencyError: tomli-w is not installed, and TOML is to be written.
        OSError: The file cannot be written.
    """
    file = Path(path)
    text = _written(mixture.to_dict(), file, about)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")


def check_ending(path: str | Path) -> None:
    """Refuse a name that `write_mixture` would refuse, before anything is spent.

    Raises:
        ConfigurationError: The name ends in neither `.toml` nor `.json`.
    """
    if Path(path).suffix not in {".toml", ".json"}:
        msg = f"a mixture file ends in .toml or .json, got {str(path)!r}"
        raise ConfigurationError(msg)


def _written(table: dict[str, Any], file: Path, about: Sequence[str]) -> str:
    check_ending(file)
    if file.suffix == ".json":
        return json.dumps(table, indent=2, ensure_ascii=False) + "\n"
    toml = require("tomli_w", extra="eval")
    comment = "".join(f"# {one_line(line)}\n" for line in about)
    return f"{comment}\n{toml.dumps(table)}" if comment else str(toml.dumps(table))
