"""Claims about the notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook file."""
    return cast("nbformat.NotebookNode", nbformat.read(path, as_version=4))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
def test_notebook_runs(path: Path) -> None:
    """Every cell of the notebook runs from top to bottom without a key or a network."""
    NotebookClient(
        read(path), timeout=100, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()


def test_notebooks_are_committed_without_output() -> None:
    """Notebooks hold no output, so that a change shows only what was written."""
    assert NOTEBOOKS
    for path in NOTEBOOKS:
        cells = read(path).cells
        assert all(not cell.get("outputs") for cell in cells), path.name
