"""Final answers of many models to the same questions, as recorded: what studies without a model call are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError

FinalAnswer = float | None
"""A number, or `None`: the model gave none."""


@dataclass(frozen=True, slots=True)
class FinalAnswers:
    """What models have answered to the same questions."""

    gold: Sequence[FinalAnswer]
    answers: Mapping[str, Sequence[FinalAnswer]]
    """By model, one for each question."""

    def __post_init__(self) -> None:
        """Refuse models that have not answered every question."""
        for model, given in self.answers.items():
            if len(given) != len(self.gold):
                msg = (
                    f"{model} has {len(given)} answers to {len(self.gold)} questions: give one for each, null for none"
                )
                raise ConfigurationError(msg)

    def is_right(self, question: int, answer: FinalAnswer) -> bool:
        """Say whether an answer equals the gold answer, as a number."""
        return answer is not None and answer == self.gold[question]

    def accuracy(self, model: str, questions: Sequence[int]) -> float:
        """Return a model's share of right answers: 0..1."""
        given = self.answers[model]
        return sum(self.is_right(question, given[question]) for question in questions) / len(questions)


def read_final_answers(path: str | Path) -> FinalAnswers:
    """Read recorded answers: a line with `gold`, then one with `model` and `answers` for each model.

    Raises:
        ConfigurationError: A line is no such table; the error names it.
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return parse_final_answers(lines, what=str(path))


def parse_final_answers(lines: Sequence[str], *, what: str) -> FinalAnswers:
    """Return what lines of JSON hold; `what` names their file in errors."""
    tables = [_table(f"{what}:{number}", line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not tables or "gold" not in tables[0]:
        msg = f'{what}: the first line must hold the right answers, as {{"gold": [18, 3, ...]}}'
        raise ConfigurationError(msg)
    answers: dict[str, list[FinalAnswer]] = {}
    for number, table in enumerate(tables[1:], start=2):
        missing = {"model", "answers"} - table.keys()
        if missing or table["model"] in answers:
            problem = f"without {', '.join(sorted(missing))}" if missing else f"a second time {table['model']!r}"
            msg = f"{what}: table {number} is {problem}. Each must hold one model's `model` and `answers`"
            raise ConfigurationError(msg)
        answers[table["model"]] = _numbers(f"{what}: the answers of {table['model']}", table["answers"])
    return FinalAnswers(gold=_numbers(f"{what}: gold", tables[0]["gold"]), answers=answers)


def _numbers(what: str, values: object) -> list[FinalAnswer]:
    read = list(checks.listed(what, values))
    for index, value in enumerate(read):
        checks.number(f"{what}[{index}]", value)
    return read


def _table(what: str, line: str) -> dict[str, Any]:
    try:
        return checks.known_keys(what, json.loads(line))
    except json.JSONDecodeError as error:
        msg = f"{what} is no JSON: {error}"
        raise ConfigurationError(msg) from error
