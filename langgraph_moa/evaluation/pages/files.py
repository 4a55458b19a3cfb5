"""Reports in a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from langgraph_moa.checks import choice
from langgraph_moa.evaluation.pages.markdown import to_markdown
from langgraph_moa.evaluation.pages.plain import to_json
from langgraph_moa.evaluation.pages.web import to_html
from langgraph_moa.evaluation.reports import Report

FORMATS = ("markdown", "json", "html")
_LENGTH = 60
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)")


def write_report(
    report: Report, folder: str | Path, formats: Sequence[str] = FORMATS, *, name: str | None = None
) -> list[Path]:
    """Write a report into a folder, which is made where it is missing; files of the same names are replaced.

    Args:
        report: What was found.
        folder: Where to.
        formats: Of `FORMATS`. Markdown comes with one `.svg` file for each figure.
        name: Of the files, without an ending; `None`: from the title. Only letters, digits and hyphens of it are kept.

    Returns:
        What was written, in the order of `formats`; the page of a format before its drawings.

    Raises:
        ConfigurationError: A format is unknown, or the report cannot be written in it. Nothing is written.
        OSError: The folder cannot be written to.
    """
    stem = file_name(report.title if name is None else name)
    files: dict[str, str] = {}
    for wanted in formats:
        choice("format", wanted, FORMATS)
        files |= _files(report, stem, wanted)
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (place / file).write_text(text, encoding="utf-8", newline="\n")
    return [place / file for file in files]


def file_name(text: str) -> str:
    """Return what is left of a text that every file system takes: lower-case letters, digits and hyphens."""
    stem = re.sub(r"[^a-z0-9]+", "-", text.lower())[:_LENGTH].strip("-")
    return f"report-{stem}".rstrip("-") if not stem or _RESERVED.fullmatch(stem) else stem


def _files(report: Report, stem: str, wanted: str) -> dict[str, str]:
    if wanted == "json":
        return {f"{stem}.json": to_json(report)}
    if wanted == "html":
        return {f"{stem}.html": to_html(report)}
    drawings = {f"{stem}-figure-{index}.svg": figure.svg for index, figure in enumerate(report.figures, 1)}
    return {f"{stem}.md": to_markdown(report, drawings=list(drawings))} | drawings
