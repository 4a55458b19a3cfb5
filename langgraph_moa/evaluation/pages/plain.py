"""A report as JSON, for programs; it can be read back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from langgraph_moa.checks import known_keys, listed
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.reports import Figure, Report, Table
from langgraph_moa.evaluation.scores import JudgeStamp
from langgraph_moa.surrogates import well_formed

VERSION = 1
"""Of the form, which the key `report` holds."""
_KEYS = ("report", "title", "date", "notes", "tables", "figures", "data")


def to_json(report: Report) -> str:
    """Write a report as one JSON object; `from_json` gives an equal report back, with lists for sequences.

    Raises:
        ConfigurationError: `data` holds what is not plain data.
    """
    return json.dumps(as_data(report), ensure_ascii=False, indent=2) + "\n"


def as_data(report: Report) -> dict[str, Any]:
    """Return a report as plain data. Numbers that are not finite become `None`: they are unknown.

    Raises:
        ConfigurationError: `data` holds what is not plain data.
    """
    table = {
        "report": VERSION,
        "title": report.title,
        "date": report.date,
        "notes": list(report.notes),
        "tables": [_table(table) for table in report.tables],
        "figures": [
            {"title": figure.title, "svg": figure.svg, "description": figure.description} for figure in report.figures
        ],
        "data": report.data,
    }
    plain: dict[str, Any] = _plain(table)
    return plain


def from_json(text: str) -> Report:
    """Read a report that `to_json` has written.

    Raises:
        ConfigurationError: It is no JSON, of another version of the form, or a key is missing or unknown.
    """
    try:
        table = json.loads(text)
    except ValueError as error:
        msg = f"a report must be the JSON that to_json writes: {error}"
        raise ConfigurationError(msg) from error
    given = known_keys("report", table, _KEYS, required=_KEYS)
    if given["report"] != VERSION:
        msg = f"report: this version reads form {VERSION}, got {given['report']!r:.50}. Write the report again"
        raise ConfigurationError(msg)
    return Report(
        title=given["title"],
        date=given["date"],
        notes=list(listed("report.notes", given["notes"])),
        tables=[_read_table(item) for item in listed("report.tables", given["tables"])],
        figures=[_read_figure(item) for item in listed("report.figures", given["figures"])],
        data=known_keys("report.data", given["data"]),
    )


def _table(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "columns": list(table.columns),
        "rows": [list(row) for row in table.rows],
        "judge": None if table.judge is None else table.judge._asdict(),
        "notes": list(table.notes),
    }


def _read_table(item: object) -> Table:
    keys = ("title", "columns", "rows", "judge", "notes")
    given = known_keys("report.tables", item, keys, required=keys)
    judge = given.pop("judge")
    if judge is not None:
        judge = JudgeStamp(**known_keys("judge", judge, JudgeStamp._fields, required=("model", "date")))
    return Table(**given, judge=judge)


def _read_figure(item: object) -> Figure:
    keys = ("title", "svg", "description")
    return Figure(**known_keys("report.figures", item, keys, required=keys))


def _plain(value: Any) -> Any:  # noqa: ANN401 - of the shape of the value
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {well_formed(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    msg = f"a report holds plain data; got {type(value).__name__}: make it text, a number, a list or a table"
    raise ConfigurationError(msg)
