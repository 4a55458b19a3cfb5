"""How often the first sentence is the right one: of each reader and of the mixture, over the packaged pages."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from langchain_core.messages import AnyMessage, HumanMessage

from langgraph_moa.offline import DEFAULT_READERS, READER_NAMES, chat_model
from langgraph_moa.offline.findings import parse_findings
from langgraph_moa.prompts import with_references

MIXTURE = "mixture"

QuestionSet = Literal["questions", "held_out"]
"""`questions` was in view while the readers were chosen. `held_out` was written by someone who had not seen them."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question in a user's words, with the sentences that answer it."""

    text: str
    answers: tuple[str, ...]
    """One, or a few that answer equally well."""


@dataclass(frozen=True, slots=True)
class Score:
    """How one model did."""

    name: str
    correct: int
    """Questions whose first sentence is an accepted one."""
    total: int

    @property
    def accuracy(self) -> float:
        """Accuracy@1, from 0 to 1."""
        return self.correct / self.total


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How all of them did, over the same questions."""

    readers: tuple[Score, ...]
    mixture: Score

    @property
    def best_reader(self) -> Score:
        """The reader with the most correct answers; of equals, the first."""
        return max(self.readers, key=lambda score: score.correct)


def load_questions(name: QuestionSet = "questions") -> tuple[Question, ...]:
    """Read a question set that comes with the package."""
    text = (files("langgraph_moa") / "offline" / f"{name}.toml").read_text(encoding="utf-8")
    return tuple(Question(entry["text"], tuple(entry["answers"])) for entry in tomllib.loads(text)["question"])


def measure(
    questions: Sequence[Question] | None = None,
    *,
    readers: Sequence[str] = READER_NAMES,
    proposers: Sequence[str] = DEFAULT_READERS,
) -> Accuracy:
    """Ask every question of every reader and of the mixture: one layer of `proposers`, and the aggregator.

    Args:
        questions: At least one; `None` takes the packaged set `questions`.
        readers: Names of the readers to score; those of the mixture among them or not.
        proposers: Names of the readers whose answers the aggregator is shown.
    """
    asked = load_questions() if questions is None else questions
    models = {name: chat_model(name) for name in dict.fromkeys((*readers, *proposers))}
    aggregator = chat_model("agreement")
    correct = dict.fromkeys((*readers, MIXTURE), 0)
    for question in asked:
        messages: list[AnyMessage] = [HumanMessage(question.text)]
        proposals = {name: str(model.invoke(messages).text) for name, model in models.items()}
        shown = with_references(messages, [proposals[name] for name in proposers])
        answers = {**proposals, MIXTURE: str(aggregator.invoke(shown).text)}
        for name in correct:
            correct[name] += _first_sentence(answers[name]) in question.answers
    scores = {name: Score(name, count, len(asked)) for name, count in correct.items()}
    return Accuracy(tuple(scores[name] for name in readers), scores[MIXTURE])


def format_table(result: Accuracy) -> str:
    """Write a result as lines of text, the mixture last, with a line that compares it with its best reader."""
    ordered = sorted(result.readers, key=lambda score: -score.correct)
    rows = [
        f"{score.name:<14}{score.accuracy:>10.1%}{score.correct:>9}/{score.total}"
        for score in (*ordered, result.mixture)
    ]
    best = result.best_reader
    difference = result.mixture.correct - best.correct
    comparison = (
        f"The mixture answers {abs(difference)} {'more' if difference >= 0 else 'fewer'} of {best.total} questions "
        f"right at once than the best reader, {best.name}. No language model took part."
    )
    return "\n".join([f"{'model':<14}{'accuracy@1':>10}{'correct':>12}", *rows, "", comparison])


def _first_sentence(answer: str) -> str | None:
    found = parse_findings(answer)
    return found[0].text if found else None
