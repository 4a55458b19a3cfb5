"""The figures beside `docs/performance.md`: written from a run, never by hand."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import FIGURES
from benchmarks.results_file import Run

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "figures" / "performance.md"
BEGIN = "<!-- written by `python -m benchmarks --write-docs` -->"
END = "<!-- until here -->"


def with_run(page: str, run: Run) -> str:
    """Return the page with a run's tables between its two marks.

    Raises:
        ValueError: A mark is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        msg = f"the page must hold {BEGIN!r} and {END!r}, between which the figures are written"
        raise ValueError(msg)
    return f"{before}{BEGIN}\n\n{run.markdown()}\n{END}{after}"


def publish(run: Run) -> None:
    """Write a run's tables and figures into the docs.

    Raises:
        ValueError: The run has measured nothing worth telling, or not every case, or the page lacks a mark.
    """
    if run.is_quick:
        msg = "the last run was a quick one, whose figures mean nothing: run `make bench`"
        raise ValueError(msg)
    page = with_run(PAGE.read_text(encoding="utf-8"), run)
    draw_into(DOCS / "figures", run)
    PAGE.write_text(page, encoding="utf-8")


def draw_into(folder: Path, run: Run) -> None:
    """Write a run's figures.

    Raises:
        ValueError: The run has not measured every case that a figure shows.
    """
    figures = {name: draw(run) for name, draw in FIGURES.items()}
    for name, figure in figures.items():
        (folder / name).write_text(figure, encoding="utf-8")
