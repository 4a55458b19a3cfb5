"""The figures that `docs/performance.md` shows, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.reports import CaseReport
from benchmarks.results_file import Run
from langgraph_moa.evaluation.figures import bars, lines

FIGURES: Mapping[str, Callable[[Run], str]]


def _bars(case: str, column: str, label: str) -> Callable[[Run], str]:
    def draw(run: Run) -> str:
        report = _case(run, case)
        known = [(row.contender, row.values.get(column)) for row in report.rows if row.error is None]
        names = [_named(run, contender) for contender, value in known if value is not None]
        values = [value for _, value in known if value is not None]
        return bars(report.title, names, values, value_label=label).svg

    return draw


def _growth(run: Run) -> str:
    """Draw what a run takes of our own time, against the width."""
    report = _case(run, "growth")
    series: dict[str, list[tuple[float, float | None]]] = {}
    for row in report.rows:
        kind, _, size = row.contender.rpartition(" ")
        series.setdefault(kind, []).append((float(size.replace(",", "")), row.values.get("time")))
    widths = {name: points for name, points in series.items() if name.endswith("width")}
    return lines(report.title, widths, x_label="proposers side by side", y_label="ms of processor time").svg


def _case(run: Run, name: str) -> CaseReport:
    found = next((report for report in run.reports if report.case == name), None)
    if found is None:
        msg = f"the run holds no case {name!r}, which a figure shows: run `make bench` without --only"
        raise ValueError(msg)
    return found


def _named(run: Run, contender: str) -> str:
    name, comma, setting = contender.partition(",")
    return f"{run.titles.get(name, name)}{comma}{setting}"


FIGURES = {
    "performance-wide.svg": _bars("wide", "over HTTP", "seconds for 64 proposers and an aggregator, over HTTP"),
    "performance-throughput.svg": _bars("throughput", "at 200", "mixtures a second, 200 at once"),
    "performance-growth.svg": _growth,
}
