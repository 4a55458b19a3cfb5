"""A run of the benchmarks as JSON, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.reports import CaseReport, Column, Row, Target
from benchmarks.table import as_markdown

LATEST = Path(__file__).parent / "results" / "latest.json"


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that one run has measured."""

    date: str
    """ISO, UTC."""
    seconds: float
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    contenders: Mapping[str, Mapping[str, Any]]
    """By short name: `title`, and `versions` of what runs; a peer's `what` and `note` beside."""
    is_quick: bool = False
    """Whether it has shown only that everything works."""
    reports: Sequence[CaseReport] = field(default_factory=tuple)

    @property
    def titles(self) -> dict[str, str]:
        """What the contenders' short names stand for."""
        return {name: str(contender["title"]) for name, contender in self.contenders.items()}

    def markdown(self) -> str:
        """Return the run as Markdown: where and when, the targets, and every table."""
        notes = {name: contender["note"] for name, contender in self.contenders.items() if contender.get("note")}
        return f"{self._heading()}\n\n{as_markdown(self.reports, self.titles, notes)}"

    def _heading(self) -> str:
        machine, cores = self.machine, self.machine["cores"]
        memory = f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}"
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return (
            f"One run of `make bench` on {self.date}, {self.seconds / 60:.0f} minutes long: {machine['processor']}, "
            f"{cores} cores, {memory}; {versions}."
        )


def write(run: Run, path: Path = LATEST) -> None:
    """Write a run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_plain(run), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path = LATEST) -> Run:
    """Read what `write` has written."""
    held = json.loads(path.read_text(encoding="utf-8"))
    return Run(**{**held, "reports": [_report(report) for report in held["reports"]]})


def _plain(run: Run) -> dict[str, Any]:
    """Return a run as plain data; whether a target is met stands beside it."""
    held = asdict(run)
    for report, plain in zip(run.reports, held["reports"], strict=True):
        for target, table in zip(report.targets, plain["targets"], strict=True):
            table["met"] = target.met
    return held


def _report(held: Mapping[str, Any]) -> CaseReport:
    targets = [{name: value for name, value in target.items() if name != "met"} for target in held["targets"]]
    return CaseReport(
        **{
            **held,
            "columns": [Column(**column) for column in held["columns"]],
            "rows": [Row(**row) for row in held["rows"]],
            "targets": [Target(**target) for target in targets],
        }
    )
