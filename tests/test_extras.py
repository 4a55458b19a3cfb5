"""Packages that come with an extra."""

from __future__ import annotations

import sys

import pytest

from langgraph_moa.errors import MissingDependencyError
from langgraph_moa.evaluation.figures import bars
from langgraph_moa.extras import require


def test_a_package_that_is_there_is_imported() -> None:
    """The module itself comes back."""
    assert require("json", extra="eval").dumps([1]) == "[1]"


def test_a_missing_package_is_told_with_its_cure() -> None:
    """The error names the package and the command that installs it."""
    with pytest.raises(
        MissingDependencyError, match=r"no_such_package is not installed: pip install 'langgraph-moa\[dask\]'"
    ):
        require("no_such_package.part", extra="dask")


def test_a_figure_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where matplotlib is missing, drawing names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"matplotlib .*langgraph-moa\[eval\]"):
        bars("T", ["a"], [1.0])
