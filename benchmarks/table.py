"""A run of the benchmarks as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.reports import CaseReport, Column, Row, Target


def as_markdown(reports: Sequence[CaseReport], titles: Mapping[str, str], notes: Mapping[str, str]) -> str:
    """Return what was wanted and what is, and then every table, the worst figures included.

    Args:
        reports: Of all cases.
        titles: What a contender's short name stands for.
        notes: What is to be said of a contender beside its figures.
    """
    told = [f"- {titles.get(name, name)}: {note}." for name, note in notes.items()]
    parts = ["### Targets", targets(reports), *(section(report, titles) for report in reports)]
    return "\n\n".join([*parts, *(["### Of the contenders", "\n".join(told)] if told else [])]) + "\n"


def targets(reports: Sequence[CaseReport]) -> str:
    """Return one line for each target."""
    rows = [
        [report.title, target.what, _measured(target), f"{target.sense} {_number(target.bound, 3)}", _verdict(target)]
        for report in reports
        for target in report.targets
    ]
    return _table(["case", "target", "measured", "wanted", ""], rows)


def section(report: CaseReport, titles: Mapping[str, str]) -> str:
    """Return one case."""
    if report.error is not None:
        return f"### {report.title}\n\nThe case failed: {_plain(report.error)}"
    heads = ["", *(f"{column.name} ({column.unit})" if column.unit else column.name for column in report.columns)]
    rows = [[_title(row, titles), *_cells(row, report.columns)] for row in report.rows]
    return f"### {report.title}\n\n{report.setting}\n\n{_table(heads, rows)}"


def _title(row: Row, titles: Mapping[str, str]) -> str:
    name, comma, setting = row.contender.partition(",")
    failed = f" (failed in part: {_plain(row.error)})" if row.error and _has_figures(row) else ""
    return f"{titles.get(name, name)}{comma}{setting}{failed}"


def _has_figures(row: Row) -> bool:
    return any(value is not None for value in row.values.values())


def _cells(row: Row, columns: Sequence[Column]) -> list[str]:
    values = [row.values.get(column.name) for column in columns]
    if row.error is not None and not _has_figures(row):
        return [f"cannot run: {_plain(row.error)}", *([""] * (len(columns) - 1))]
    return [
        "-" if value is None else _number(value, column.digits) for value, column in zip(values, columns, strict=True)
    ]


def _measured(target: Target) -> str:
    return "not measured" if target.measured is None else _number(target.measured, 3)


def _verdict(target: Target) -> str:
    return "met" if target.met else "**MISSED**"


def _number(value: float, digits: int) -> str:
    """Return a figure with as many digits behind the point at most."""
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
