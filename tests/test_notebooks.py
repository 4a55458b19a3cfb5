"""Claims about the notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def run(notebooks: Mapping[str, nbformat.NotebookNode], folder: Path) -> dict[str, str]:
    """Run notebooks one after the other, each from top to bottom with no name left of the one before.

    In one kernel: starting one, and importing the packages, takes longer than they do.

    Returns:
        The first cell that raised, and its error, of each notebook with one. Outputs are in the notebooks.
    """
    cells = []
    for name, notebook in notebooks.items():
        cells += [*notebook.cells, nbformat.v4.new_code_cell("%reset -f")]  # type: ignore[no-untyped-call]
        for cell in notebook.cells:
            cell.id = f"{name}-{cell.id}"
    whole = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(whole, kernel_name="python3", timeout=100, allow_errors=True, resources=resources).execute()
    return {name: wrong for name, notebook in notebooks.items() if (wrong := first_error(notebook))}


def first_error(notebook: nbformat.NotebookNode) -> str | None:
    """Return the number of the first cell that raised, counted from 0 with those of prose, and what it raised."""
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                return f"cell {number}: {output.ename}: {output.evalue}"
    return None


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook file."""
    return cast("nbformat.NotebookNode", nbformat.read(path, as_version=4))  # type: ignore[no-untyped-call]


def notebook_of(*cells: str) -> nbformat.NotebookNode:
    """Return a notebook of code cells."""
    code = [nbformat.v4.new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
    return cast("nbformat.NotebookNode", nbformat.v4.new_notebook(cells=code))  # type: ignore[no-untyped-call]


def shown(notebook: nbformat.NotebookNode, kind: str) -> list[str]:
    """Return what all cells show in a format."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
def test_notebooks_run(tmp_path: Path) -> None:
    """Every cell of every notebook runs without a key or a network, drawings and live views show, a bad cell is named.

    All in one test, since several may run in several processes, with a kernel each.
    """
    notebooks = {path.stem: read(path) for path in NOTEBOOKS}
    wrong = run({**notebooks, "bad": notebook_of("1", "left = load_preset", "2")}, tmp_path)
    assert wrong == {"bad": "cell 1: NameError: name 'load_preset' is not defined"}
    first, second = notebooks["01_quickstart"], notebooks["02_agents"]
    assert shown(first, "image/svg+xml")[0].startswith("<svg")
    [view] = [text for text in shown(first, "text/plain") if text.startswith("moa: ended")]
    assert view.splitlines()[3].startswith("  layer 1 of 1, broken: failed, ")
    [view] = [text for text in shown(second, "text/plain") if text.startswith("moa: ended")]
    assert view.count("moa: ended") == 2
    assert view.count("  layer 1, scripted-") == 2
    assert view.count("  aggregator, aggregator: done") == 2


def test_notebooks_are_committed_without_output() -> None:
    """Notebooks hold no output, so that a change shows only what was written."""
    assert NOTEBOOKS
    for path in NOTEBOOKS:
        cells = read(path).cells
        assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells), path.name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_notebooks_are_short(path: Path) -> None:
    """A notebook begins with its title and has fewer than 15 cells."""
    cells = read(path).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert len(cells) < 15
