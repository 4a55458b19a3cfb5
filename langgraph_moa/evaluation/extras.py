"""Packages that come with an extra, imported where they are first needed."""

from __future__ import annotations

import importlib
from types import ModuleType

from langgraph_moa.errors import MissingDependencyError


def require(module: str, *, extra: str) -> ModuleType:
    """Import a module, or say which extra brings it.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        msg = f"{error.name or module} is not installed: pip install 'langgraph-moa[{extra}]'"
        raise MissingDependencyError(msg) from error
