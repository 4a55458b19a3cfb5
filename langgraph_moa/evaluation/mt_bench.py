"""MT-Bench (Zheng et al. 2023): 80 questions of two turns, each answer rated from 1 to 10 by a judge.

In each turn the mixture asks all its models anew; the history holds what was answered, and no proposal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

from langgraph_moa.checks import listed
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.breakdowns import Scored, by_group, interval_of, overall
from langgraph_moa.evaluation.homes import fetched
from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.judgments import Asked, Judgment
from langgraph_moa.evaluation.prompt_files import field_of, filled, read_tables
from langgraph_moa.evaluation.rating import Evaluation, Watch, rate
from langgraph_moa.evaluation.reports import Figure, Report
from langgraph_moa.evaluation.runs import RunLog, RunOptions
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import Score, mean
from langgraph_moa.mixture import Mixture, Proposer
from langgraph_moa.mixture.seats import Seat

TEMPERATURES: Mapping[str, float] = {
    "writing": 0.7,
    "roleplay": 0.7,
    "reasoning": 0.0,
    "math": 0.0,
    "coding": 0.0,
    "extraction": 0.0,
    "stem": 0.1,
    "humanities": 0.1,
}
"""By category, for generation, as the benchmark's authors set them."""
MAX_TOKENS = 1024
"""Of an answer, as its authors set it."""
JUDGE_MAX_TOKENS = 2048
WITH_REFERENCE = ("math", "reasoning", "coding")
"""Categories whose judge is shown a reference answer."""
QUESTIONS, PROMPTS, REFERENCES = "question.jsonl", "judge_prompts.jsonl", "reference_answer/gpt-4.jsonl"
"""Files of the data folder."""
_LOWEST, _HIGHEST = 1, 10
_RATING = re.compile(r"\[\[\s*+(-?\d++(?:\.\d*+)?)\s*+\]\]")
_RATING_IN_ONE_BRACKET = re.compile(r"\[(\d++(?:\.\d*+)?)\]")
_FIELDS = ("question", "answer", "question_1", "question_2", "answer_1", "answer_2", "ref_answer_1", "ref_answer_2")


def parse_rating(judgment: str) -> float | None:
    """Return the rating that a judge gave: the first number in double brackets, or else in single ones.

    Returns:
        `None` where there is none, or it is not from 1 to 10.
    """
    found = _RATING.search(judgment) or _RATING_IN_ONE_BRACKET.search(judgment)
    rating = None if found is None else float(found[1])
    return rating if rating is not None and _LOWEST <= rating <= _HIGHEST else None


def mean_score(ratings: Iterable[float | None]) -> float | None:
    """Return the mean of all ratings of both turns; `None` is unscored and left out, and the mean of none is `None`."""
    return mean(ratings)


def sample_of(table: Mapping[str, Any]) -> Sample:
    """Make a sample of a line of `question.jsonl`.

    Raises:
        ConfigurationError: A field is wrong.
        KeyError: A field is missing.
    """
    turns = table["turns"]
    if not isinstance(turns, list) or len(turns) not in (1, 2):
        msg = f"turns must be a list of one text or two, got {turns!r:.100}"
        raise ConfigurationError(msg)
    return Sample(str(table["question_id"]), tuple(turns), metadata={"category": str(table["category"])})


def generating(mixture: Mixture, category: str) -> Mixture:
    """Return a mixture with the category's temperature and the benchmark's answer length in every seat.

    Models that take no such arguments, as agents and chains, are asked as they are.
    """
    temperature = TEMPERATURES.get(category, 0.7)

    def change(seat: Seat) -> Seat:
        if isinstance(seat.model, Mixture):
            return replace(seat, model=generating(seat.model, category))
        if not isinstance(seat.model, str | BaseChatModel):
            return seat
        return replace(seat, temperature=temperature, max_tokens=MAX_TOKENS)

    return mixture.map_seats(change)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePrompt:
    """How a judge is asked about one turn."""

    system: str
    template: str
    """With fields in braces, such as `{question}` and `{answer}`."""


@dataclass(frozen=True, slots=True)
class JudgePrompts:
    """Wordings by name, `single-v1` and such, and the reference answers."""

    by_name: Mapping[str, JudgePrompt]
    source: str
    """Whose wording it is, for the judge's stamp."""
    references: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Of each turn, by the question's id."""

    def asked(self, sample: Sample, answers: Sequence[str]) -> Iterator[Asked]:
        """Yield what the judge is asked of each turn's answer."""
        category = _category_of(sample)
        references = self.references.get(sample.id, ()) if category in WITH_REFERENCE else ()
        references = references if len(references) >= len(answers) else ()
        values = {"question": sample.turns[0], "answer": answers[0]}
        for turn, (question, answer) in enumerate(zip(sample.turns, answers, strict=True), start=1):
            values |= {f"question_{turn}": question, f"answer_{turn}": answer}
        for turn, text in enumerate(references, start=1):
            values[f"ref_answer_{turn}"] = text
        for turn in range(1, len(answers) + 1):
            name = f"single-{'math-' if references else ''}v1{'-multi-turn' if turn > 1 else ''}"
            prompt = self.by_name[name]
            about = {"sample": sample.id, "turn": turn, "category": category, "prompt": name}
            yield Asked(prompt.system, filled(prompt.template, values, _FIELDS), about)

    def scores(self, judgment: Judgment) -> list[Score]:
        """Return the rating of one turn; unscored where the judge gave none that can be read."""
        rating = parse_rating(judgment.text)
        why = None if rating is not None else f"no rating from 1 to 10 in: {' '.join(judgment.text.split())[-160:]}"
        return [Score(str(judgment.about["sample"]), rating, why, dict(judgment.about))]


def read_prompts(folder: str | Path) -> JudgePrompts:
    """Read the judge's prompts and the reference answers of a data folder; our own wording where it has none.

    Raises:
        ConfigurationError: A file is there and cannot be read, or lacks a prompt.
    """
    path, answers = Path(folder) / PROMPTS, Path(folder) / REFERENCES
    references = {
        str(field_of(answers, table, "question_id")): list(
            map(str, listed("turns", field_of(answers, table, "choices", 0, "turns")))
        )
        for table in (read_tables(answers) if answers.exists() else ())
    }
    without = "" if references else ", no reference answers"
    if not path.exists():
        return JudgePrompts(OWN_PROMPTS, f"own prompts{without}", references)
    tables = {str(table.get("name")): table for table in read_tables(path)}
    missing = [name for name in OWN_PROMPTS if name not in tables]
    if missing:
        msg = f"{path} has no prompt named {', '.join(missing)}. Add it, or take the file away to use our own"
        raise ConfigurationError(msg)
    prompts = {
        name: JudgePrompt(
            system=str(field_of(path, tables[name], "system_prompt")),
            template=str(field_of(path, tables[name], "prompt_template")),
        )
        for name in OWN_PROMPTS
    }
    return JudgePrompts(prompts, f"prompts of {path.name}{without}", references)


def fetch(folder: Path) -> Path:
    """Return the folder of the authors' files in a folder of copies; those that it has not got are fetched.

    Raises:
        ConfigurationError: One cannot be fetched.
    """
    for name in (QUESTIONS, PROMPTS, REFERENCES):
        fetched(f"mt_bench/{name}", folder)
    return folder / "mt_bench"


def judge_seat(model: Any) -> Proposer:  # noqa: ANN401 - any model
    """Return a judge's seat as the benchmark's authors set it: temperature 0."""
    return Proposer(model, temperature=0.0, max_tokens=JUDGE_MAX_TOKENS)


async def evaluate(
    mixture: Mixture,
    samples: Sequence[Sample],
    judge: Judge,
    prompts: JudgePrompts,
    *,
    answers: RunLog,
    judgments: RunLog,
    options: RunOptions,
    watch: Watch = lambda: None,
) -> Evaluation:
    """Let a mixture answer both turns of every question, and a judge rate each turn.

    Args:
        mixture: Who answers, with the sampling that `generating` sets.
        samples: The questions of the run.
        judge: As `judge_seat` makes it; its `settings` name the prompts' source.
        prompts: How it is asked.
        answers: Open, of `rating.answers_identity`.
        judgments: Open, of `judgments.judgments_identity`.
        options: `max_cost` is for answers and judgments together.
        watch: Called for the answers, and again for the judgments.

    Raises:
        ConfigurationError: A mixture has no written form for a cluster, or `max_cost` cannot be kept.
    """
    recipes = {category: generating(mixture, category) for category in {_category_of(sample) for sample in samples}}
    rated = await rate(
        mixture,
        samples,
        judge,
        prompts,
        mixture_for=lambda sample: recipes[_category_of(sample)],
        answers=answers,
        judgments=judgments,
        options=options,
        watch=watch,
    )
    told = report([rated.scored], date=judge.date, notes=rated.notes)
    return Evaluation(told, rated.answering, rated.judging)


def report(runs: Sequence[Scored], *, date: str, notes: Sequence[str] = ()) -> Report:
    """Tell the mean over all judgments of each arm, and by turn and category.

    Args:
        runs: The arms, with what `JudgePrompts.scores` gave.
        date: ISO date of the run.
        notes: Warnings that a reader must not miss.

    Raises:
        ConfigurationError: The scores are of different judges.
    """
    note = "The score is the mean of all judgments of both turns; what cannot be read is unscored and left out."
    tables = [
        overall("MT-Bench: mean rating", runs, value="rating (1 to 10)", notes=[note]),
        by_group("MT-Bench by turn", "turn", runs, lambda each: [f"turn {each.metadata['turn']}"]),
        by_group("MT-Bench by category", "category", runs, _category, order=list(TEMPERATURES)),
    ]
    data = {run.arm: [{"value": each.value, "why": each.why, **each.metadata} for each in run.scores] for run in runs}
    return Report(title="MT-Bench", date=date, tables=tables, figures=_figures(runs), notes=notes, data=data)


def _category_of(sample: Sample) -> str:
    return str(sample.metadata["category"])


def _category(each: Score) -> list[str]:
    return [str(each.metadata["category"])]


def _figures(runs: Sequence[Scored]) -> list[Figure]:
    from langgraph_moa.evaluation.figures import bars, radar

    arms, means = [run.arm for run in runs], [mean_score(each.value for each in run.scores) for run in runs]
    spans = [interval_of(run.scores) for run in runs]
    rings = {run.arm: [_mean_of(run.scores, category) for category in TEMPERATURES] for run in runs}
    return [
        bars("MT-Bench: mean rating", arms, means, intervals=spans, value_label="mean rating, 1 to 10"),
        radar("MT-Bench: eight categories", list(TEMPERATURES), rings, low=_LOWEST, high=_HIGHEST),
    ]


def _mean_of(scores: Iterable[Score], category: str) -> float | None:
    return mean_score(each.value for each in scores if each.metadata["category"] == category)


_RATE = (
    "Weigh whether it is helpful, relevant, right, deep enough, original where that is asked for, and as detailed as "
    "the question needs. First explain in a few sentences. Then give a whole or half number from 1, useless, to 10, "
    "perfect, in double square brackets, in this form and only once: Rating: [[6]]"
)
_CHECK = f"Compare the answer with the reference answer first, and name every mistake. {_RATE}"
_ONE_TURN = "You are to rate an assistant's answer to a question. {rate}\n\n# Question\n\n{question}\n\n"
_TWO_TURNS = "# First question\n\n{question_1}\n\n# Its answer\n\n{answer_1}\n\n# Second question\n\n{question_2}\n\n"
_JUDGE = "You judge answers of assistants, without favour."
_SECOND = "You judge answers of assistants, without favour. Rate the answer to the second question alone. "
OWN_PROMPTS: Mapping[str, JudgePrompt] = {
    "single-v1": JudgePrompt(system=_JUDGE, template=f"{_ONE_TURN.replace('{rate}', _RATE)}# Answer\n\n{{answer}}"),
    "single-math-v1": JudgePrompt(
        system=_JUDGE,
        template=(
            f"{_ONE_TURN.replace('{rate}', _CHECK)}# Reference answer\n\n{{ref_answer_1}}\n\n# Answer\n\n{{answer}}"
        ),
    ),
    "single-v1-multi-turn": JudgePrompt(system=_SECOND + _RATE, template=f"{_TWO_TURNS}# Its answer\n\n{{answer_2}}"),
    "single-math-v1-multi-turn": JudgePrompt(
        system=_SECOND + _CHECK,
        template=(
            "# Reference answer to the first question\n\n{ref_answer_1}\n\n"
            "# Reference answer to the second question\n\n{ref_answer_2}\n\n"
            f"{_TWO_TURNS}# Its answer\n\n{{answer_2}}"
        ),
    ),
}
"""Asked where the authors' wording is not at hand. Ratings that it gives are not those of the published table."""
