"""Reads data sets from files, one sample at a time: JSON lines, a JSON list, or CSV.

A line that holds no sample is told and left out, so that one of them does not end a run of thousands.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.samples import Sample

Parse = Callable[[dict[str, Any]], Sample]
_SURROGATES = ("\ud800", "\udfff")
_BOM = "\ufeff"


class BrokenLine(NamedTuple):
    """A line of a data set that no sample could be made of."""

    path: str
    line: int
    """Counted from 1; where a record of several lines begins."""
    why: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.why}"


class Row(NamedTuple):
    """What stands at one place of a file: a table, or why there is none."""

    line: int
    table: dict[str, Any] | None
    why: str = ""


class SampleFile:
    """The samples of a file, read again each time that it is iterated over.

    Args:
        path: Ends in `.jsonl` for one object a line, `.json` for a list of objects (or lines), `.csv` for rows under a
            first line of names.
        parse: Makes a sample of an object. What it raises is told as a broken line.

    Raises:
        ConfigurationError: The file cannot be read, or has another ending.
    """

    def __init__(self, path: str | Path, parse: Parse = Sample.from_dict) -> None:
        self.path = Path(path)
        self.broken: list[BrokenLine] = []
        """Of the last iteration, as far as it has come."""
        self._parse = parse
        self._rows = _reader(self.path)

    def __iter__(self) -> Iterator[Sample]:
        """Yield every sample.

        Raises:
            ConfigurationError: Two have the same id; the lines of both are named.
        """
        self.broken = []
        lines: dict[str, int] = {}
        for row in self._rows(self.path):
            sample = self._sample(row)
            if sample is None:
                continue
            if sample.id in lines:
                both = f"on line {lines[sample.id]} and again on line {row.line}"
                msg = f"{self.path}: the id {sample.id!r} stands {both}. Give every sample an id of its own"
                raise ConfigurationError(msg)
            lines[sample.id] = row.line
            yield sample

    def count(self) -> int:
        """Read the file through, so that a wrong one is refused before anything is made of it; return its samples.

        Raises:
            ConfigurationError: Two samples have the same id.
        """
        return sum(1 for _ in self)

    def _sample(self, row: Row) -> Sample | None:
        why = row.why
        if row.table is not None:
            try:
                return self._parse(row.table)
            except KeyError as error:
                why = f"there is no {error.args[0]!r}" if error.args else "a field is missing"
            except (TypeError, ValueError, AttributeError) as error:
                why = str(error)
        self.broken.append(BrokenLine(str(self.path), row.line, why))
        return None


def read_samples(path: str | Path, parse: Parse = Sample.from_dict) -> SampleFile:
    """Return the samples of a file; see `SampleFile`.

    Raises:
        ConfigurationError: The file cannot be read, or has another ending.
    """
    return SampleFile(path, parse)


def read_rows(path: str | Path) -> Iterator[Row]:
    """Yield what stands on every line of a file that is not blank, by its ending as `SampleFile` does.

    Raises:
        ConfigurationError: The file cannot be read, or has another ending.
    """
    return _reader(Path(path))(Path(path))


def _reader(path: Path) -> Callable[[Path], Iterator[Row]]:
    try:
        with path.open("rb") as file:
            beginning = file.read(4096)
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}. Name a readable .jsonl, .json or .csv file"
        raise ConfigurationError(msg) from error
    if path.suffix == ".json" and beginning.removeprefix(_BOM.encode()).lstrip().startswith(b"["):
        return _list_items
    readers = {".jsonl": _json_lines, ".ndjson": _json_lines, ".json": _json_lines, ".csv": _csv_rows}
    if path.suffix not in readers:
        msg = f"{path}: a data set ends in {', '.join(readers)}; got {path.suffix or 'no ending'!r}. Rename the file"
        raise ConfigurationError(msg)
    return readers[path.suffix]


def _json_lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.removeprefix(_BOM.encode()).strip():
                continue
            try:
                value = _parsed(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError:
                yield Row(number, None, "it is not UTF-8 text")
            except (ValueError, RecursionError) as error:
                yield Row(number, None, f"it is not JSON: {_one_line(error)}")
            else:
                yield _row(number, value)


def _list_items(path: Path) -> Iterator[Row]:
    """Yield the items of a JSON list. What follows a broken one cannot be told apart from it, and is left out."""
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    line, counted_to = 1, 0
    at = _next(text, text.index("[") + 1)
    while not text.startswith("]", at):
        line, counted_to = line + text.count("\n", counted_to, at), at
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            yield Row(line, None, f"it is not JSON, and what follows is left out: {_one_line(error)}")
            return
        yield _row(line, value) if _is_utf8(text[at:end]) else Row(line, None, "it is not UTF-8 text")
        at = _next(text, end)
        if text.startswith(",", at):
            at = _next(text, at + 1)
        elif not text.startswith("]", at):
            line += text.count("\n", counted_to, at)
            yield Row(line, None, "there is neither a comma nor the end of the list, and what follows is left out")
            return


def _csv_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file)
        names = _names(path, reader)
        before = reader.line_num
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(before + 1, None, str(error))
            else:
                if any(cell.strip() for cell in cells):
                    yield _csv_row(before + 1, names, cells)
            before = reader.line_num


def _names(path: Path, reader: Iterator[list[str]]) -> list[str]:
    """Return the names of the columns, of which no two may be the same."""
    try:
        names = next(reader, [])
    except csv.Error as error:
        msg = f"{path}:1: the names of the columns cannot be read: {error}"
        raise ConfigurationError(msg) from error
    twice = [name for index, name in enumerate(names) if name in names[:index]]
    if twice:
        msg = f"{path}:1: two columns are called {twice[0]!r:.100}. Give each a name of its own"
        raise ConfigurationError(msg)
    return names


def _csv_row(line: int, names: list[str], cells: list[str]) -> Row:
    if len(cells) != len(names):
        return Row(line, None, f"it has {len(cells)} cells under {len(names)} names")
    if not all(map(_is_utf8, cells)):
        return Row(line, None, "it is not UTF-8 text")
    return Row(line, dict(zip(names, cells, strict=True)))


def _row(line: int, value: object) -> Row:
    if isinstance(value, Mapping):
        return Row(line, dict(value))
    return Row(line, None, f"it is {_ARTICLES.get(type(value), 'a number')}, not an object")


_ARTICLES: dict[type, str] = {list: "a list", str: "a text", type(None): "null", bool: "true or false"}


def _parsed(text: str) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and infinities, which Python takes for JSON and nobody else."""
    msg = f"{name} is no number"
    raise ValueError(msg)


def _is_utf8(text: str) -> bool:
    """Say whether all of a text was UTF-8 that was read with `surrogateescape`."""
    return text.isascii() or not any(_SURROGATES[0] <= letter <= _SURROGATES[1] for letter in text)


def _next(text: str, at: int) -> int:
    """Return where the next letter stands that is no white space."""
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
