"""Results of a run: as JSON, as Markdown, as figures, and in the docs."""

from __future__ import annotations

import json
import platform
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import published, results_file
from benchmarks.figures import FIGURES
from benchmarks.machine import machine, versions
from benchmarks.reports import CaseReport, Column, Row, Target
from benchmarks.results_file import Run
from benchmarks.table import as_markdown

MISSED = Target(what="slower", measured=2.0, bound=1.5, sense="at most")
MET = Target(what="faster", measured=2.0, bound=1.5, sense="at least")
UNKNOWN = Target(what="unknown", measured=None, bound=1.5, sense="at most")


def report(case: str, rows: list[Row]) -> CaseReport:
    """Return a case with a column of seconds."""
    columns = [Column(name="over HTTP", unit="s"), Column(name="at 200", unit="1/s", digits=1)]
    return CaseReport(
        case=case, title=f"The {case}", setting="As set.", columns=columns, rows=rows, targets=[MISSED, MET, UNKNOWN]
    )


RUN = Run(
    date="2026-01-02",
    seconds=90.0,
    machine={"processor": "one", "cores": 2, "memory_gib": 8.0, "system": "Linux 6", "python": "3.11"},
    versions={"langgraph": "1.2"},
    contenders={"moa": {"title": "langgraph-moa"}, "other": {"title": "another | one", "note": "asks less"}},
    reports=[
        report(
            "wide",
            [
                Row(contender="moa, early", values={"over HTTP": 0.5, "at 200": 1234.56}),
                Row(contender="other", error="no\nway | out"),
                Row(contender="moa", values={"over HTTP": 0.25}, error="some turns"),
            ],
        ),
        report("throughput", [Row(contender="moa", values={"at 200": 20.0})]),
        report("growth", [Row(contender=f"width {size:,}", values={"time": float(size)}) for size in (1, 1_024)]),
    ],
)


def test_a_run_survives_its_file(tmp_path: Path) -> None:
    """A run is read as what was written, and the file says of each target whether it is met."""
    results_file.write(RUN, tmp_path / "new" / "latest.json")
    assert results_file.read(tmp_path / "new" / "latest.json") == RUN
    held = json.loads((tmp_path / "new" / "latest.json").read_text(encoding="utf-8"))
    assert [target["met"] for target in held["reports"][0]["targets"]] == [False, True, False]


def test_the_table_tells_everything() -> None:
    """Titles stand for short names, thousands are set apart, errors stay in their cell, and no figure is told twice."""
    text = as_markdown(RUN.reports, RUN.titles, {"other": "asks less"})
    assert "| langgraph-moa, early | 0.5 | 1,234.6 |" in text
    assert "| cannot run: no way / out |" in text
    assert "langgraph-moa (failed in part: some turns) | 0.25 | - |" in text
    assert "asks less." in text


@pytest.mark.parametrize(("target", "verdict"), [(MISSED, "**MISSED**"), (MET, "| met |"), (UNKNOWN, "**MISSED**")])
def test_a_missed_target_says_so(target: Target, verdict: str) -> None:
    """A target that does not hold, or was not measured, is told as missed."""
    assert verdict in as_markdown([replace(RUN.reports[0], targets=[target], rows=[])], {}, {})


def test_a_case_that_failed_is_told() -> None:
    """A case without figures has its error in their place."""
    assert "The case failed: what" in as_markdown([replace(RUN.reports[0], error="what", rows=[])], {}, {})


def test_the_page_keeps_what_is_around_the_figures() -> None:
    """Figures are put between the marks, and again in place of the last ones."""
    page = f"before\n{published.BEGIN}\nold\n{published.END}\nafter\n"
    once = published.with_run(page, RUN)
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert "old" not in once
    assert published.with_run(once, RUN) == once


@pytest.mark.parametrize("page", ["", published.BEGIN, published.END])
def test_a_page_without_marks_is_refused(page: str) -> None:
    """A page that lacks a mark is left as it is."""
    with pytest.raises(ValueError, match="must hold"):
        published.with_run(page, RUN)


def test_a_quick_run_is_not_published() -> None:
    """What has measured nothing does not reach the docs."""
    with pytest.raises(ValueError, match="quick"):
        published.publish(replace(RUN, is_quick=True))


def test_figures_need_their_cases(tmp_path: Path) -> None:
    """Every figure is an SVG, the same each time; of a run without its case there is none."""
    published.draw_into(tmp_path, RUN)
    first = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    published.draw_into(tmp_path, RUN)
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == first
    assert first.keys() == FIGURES.keys()
    with pytest.raises(ValueError, match="holds no case"):
        published.draw_into(tmp_path, replace(RUN, reports=[]))


def test_the_docs_show_the_last_run() -> None:
    """The page and its figures are what the last run makes of them."""
    run = results_file.read()
    page = published.PAGE.read_text(encoding="utf-8")
    assert published.with_run(page, run) == page
    for name, draw in FIGURES.items():
        assert (published.DOCS / "figures" / name).read_text(encoding="utf-8") == draw(run)


def test_the_machine_has_no_name() -> None:
    """What is told of the machine does not tell which it is, and versions are those of what is installed."""
    told = json.dumps(machine())
    assert platform.node() not in told
    assert machine()["cores"] >= 1
    assert versions(["langgraph", "no-such-distribution"]).keys() == {"langgraph"}
