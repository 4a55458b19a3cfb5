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
        raise MissingDependencyError(not_installed(error.name or module, extra=extra)) from error


def not_installed(package: str, *, extra: str) -> str:
    """Say that a package is missing, and what to do."""
    install = f"pip install 'langgraph-moa[{extra}]', or in its folder pip install '.[{extra}]'"
    return f"{package} is not installed: {install}"
