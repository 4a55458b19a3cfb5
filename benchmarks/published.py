"""The figures in `docs/performance.md`: written from a run, never by hand."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import FIGURES
from benchmarks.results_file import Run

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "performance.md"
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
    """Write a run's tables and figures into the docs."""
    PAGE.write_text(with_run(PAGE.read_text(encoding="utf-8"), run), encoding="utf-8")
    for name, draw in FIGURES.items():
        (DOCS / "figures" / name).write_text(draw(run), encoding="utf-8")
