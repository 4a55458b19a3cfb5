"""Recorded answers of several models to the same questions, beside the right ones.

A file of JSON lines has one of two forms:

- one question a line: `{"id": ..., "gold": ..., "answers": {model: answer, ...}}`; `gold` may be missing.
- one model a line: `{"gold": [...]}` first, then `{"model": ..., "answers": [...]}`, as many answers as gold ones.

An answer is a number, a final answer, or a whole text that ends in one; `null` is a model that gave none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from langgraph_moa.checks import known_keys, listed
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.datasets import BrokenLine, read_rows
from langgraph_moa.final_answers import canonical, extract_answer

_SHORT = 80
"""Characters of a text in one line that is an answer as it stands, where nothing marks one within it."""


@dataclass(frozen=True, slots=True)
class AnswerSheet:
    """What every model answered to every question; equal answers are equal texts."""

    gold: Sequence[str | None]
    """One for each question; `None`: nobody has written the right answer down."""
    answers: Mapping[str, Sequence[str | None]]
    """By model, in the order of the file; `None`: it gave no answer."""
    left_out: int = 0
    """Questions that not every model was asked."""
    broken: Sequence[BrokenLine] = field(default=())

    def __post_init__(self) -> None:
        """Refuse answers that do not belong to the questions."""
        for model, given in self.answers.items():
            if len(given) != len(self.gold):
                msg = f"model {model!r} has {len(given)} answers to {len(self.gold)} questions: give one for each"
                raise ConfigurationError(msg)

    def only(self, models: Sequence[str]) -> AnswerSheet:
        """Return the sheet of some of the models, in the order in which they are named.

        Raises:
            ConfigurationError: A name is not in it.
        """
        unknown = [model for model in models if model not in self.answers]
        if unknown:
            msg = f"no answers of {', '.join(map(repr, unknown))}; there are those of {', '.join(self.answers)}"
            raise ConfigurationError(msg)
        kept = {model: self.answers[model] for model in models}
        return AnswerSheet(self.gold, kept, self.left_out, self.broken)


def read_answers(path: str | Path) -> AnswerSheet:
    """Read a file of either form. A line that is neither is told in `broken` and left out.

    Raises:
        ConfigurationError: The file cannot be read, holds no answers, or two lines have one id or one model.
    """
    place = Path(path)
    broken: list[BrokenLine] = []
    lines = list(_lines(place, broken))
    is_by_model = bool(lines) and isinstance(lines[0][1].get("gold"), list)
    sheet = _by_model(place, lines, broken) if is_by_model else _by_question(place, lines, broken)
    if not sheet.answers or not sheet.gold:
        why = f" {broken[0]}." if broken else ""
        msg = f"{place} holds no answers that can be compared.{why} Write one question or one model a line, as JSON"
        raise ConfigurationError(msg)
    return sheet


def final_answer(given: object) -> str | None:
    """Return an answer so that equal values are equal texts; `None`: there is none.

    Raises:
        ConfigurationError: It is neither text, a number nor `None`.
    """
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        msg = f"an answer must be text, a number or null, got {json.dumps(given)[:80]}"
        raise ConfigurationError(msg)
    return _final(given) if isinstance(given, str) else _number(given)


@lru_cache(maxsize=4096)
def _number(given: float) -> str | None:
    return None if math.isnan(given) else canonical(str(given))


@lru_cache(maxsize=4096)
def _final(text: str) -> str | None:
    found = extract_answer(text)
    if found is None and len(text) <= _SHORT and len(text.splitlines()) == 1:
        found = text.strip()
    return canonical(found) if found else None


def _lines(path: Path, broken: list[BrokenLine]) -> Iterator[tuple[int, dict[str, Any]]]:
    for row in read_rows(path):
        if row.table is None:
            broken.append(BrokenLine(str(path), row.line, row.why))
        else:
            yield row.line, row.table


def _by_model(path: Path, lines: Sequence[tuple[int, dict[str, Any]]], broken: list[BrokenLine]) -> AnswerSheet:
    gold = [final_answer(answer) for answer in listed("gold", lines[0][1]["gold"])]
    answers: dict[str, list[str | None]] = {}
    for number, table in lines[1:]:
        try:
            given = known_keys("a line", table, required=("model", "answers"))
            said = [final_answer(answer) for answer in listed("answers", given["answers"])]
        except ConfigurationError as error:
            broken.append(BrokenLine(str(path), number, str(error)))
            continue
        if len(said) != len(gold):
            broken.append(BrokenLine(str(path), number, f"it has {len(said)} answers to {len(gold)} questions"))
            continue
        model = str(given["model"])
        if model in answers:
            msg = f"{path}:{number}: the model {model!r} stands on an earlier line too. Give every model one line"
            raise ConfigurationError(msg)
        answers[model] = said
    return AnswerSheet(gold, answers, broken=broken)


def _by_question(path: Path, lines: Sequence[tuple[int, dict[str, Any]]], broken: list[BrokenLine]) -> AnswerSheet:
    rows: list[tuple[str | None, dict[str, str | None]]] = []
    places: dict[str, int] = {}
    for number, table in lines:
        try:
            given = known_keys("a line", table, required=("id", "answers"))
            said = known_keys("answers", given["answers"])
            row = final_answer(given.get("gold")), {str(model): final_answer(text) for model, text in said.items()}
        except ConfigurationError as error:
            broken.append(BrokenLine(str(path), number, str(error)))
            continue
        name = str(given["id"])
        if name in places:
            both = f"on line {places[name]} and again on line {number}"
            msg = f"{path}: the id {name!r} stands {both}. Give every question an id of its own"
            raise ConfigurationError(msg)
        places[name] = number
        rows.append(row)
    models = list(dict.fromkeys(model for _, said in rows for model in said))
    whole = [(gold, said) for gold, said in rows if len(said) == len(models)]
    answers = {model: [said[model] for _, said in whole] for model in models}
    return AnswerSheet([gold for gold, _ in whole], answers, left_out=len(rows) - len(whole), broken=broken)
