r"""GSM8K (Cobbe et al. 2021) and MATH (Hendrycks et al. 2021): a final answer is right or wrong, without a judge.

Files are read in their own forms. GSM8K: JSON lines of `question` and `answer`, which ends with `####` and the result.
MATH: a folder of one JSON file a problem, or JSON lines, of `problem`, `level`, `type` and `solution`, whose last
`\boxed{}` is the result, or `answer`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.answers import Answer, texts_of
from langgraph_moa.evaluation.breakdowns import Scored, by_group, interval_of, judge_of, overall
from langgraph_moa.evaluation.datasets import BrokenLine, SampleFile, read_samples
from langgraph_moa.evaluation.generation import answer_samples, answers_in
from langgraph_moa.evaluation.homes import fetched
from langgraph_moa.evaluation.reports import Report, Table
from langgraph_moa.evaluation.runs import Outcome, RunLog, RunOptions, RunWatcher
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import JudgeStamp, Score, mean_score
from langgraph_moa.final_answers import canonical, extract_answer, number_in
from langgraph_moa.mixture import Mixture

__all__ = [
    "Benchmark",
    "ProblemFolder",
    "evaluate",
    "extract_answer",
    "fetch",
    "gsm8k_sample",
    "is_correct",
    "math_sample",
    "read_problems",
    "report",
    "score",
    "stamp",
]

Benchmark = Literal["gsm8k", "math"]
TOLERANCE = Fraction(1, 10**6)
"""Share of the right number by which an answer that is rounded may be off."""
_TASKS: Mapping[Benchmark, str] = {
    "gsm8k": "Work it out step by step. End with a line of its own: #### and the number, without its unit.",
    "math": "Work it out step by step. End with the final answer, and nothing else, in \\boxed{}.",
}
_TITLES: Mapping[Benchmark, str] = {"gsm8k": "GSM8K", "math": "MATH"}


def is_correct(answer: str | float | None, gold: str | float) -> bool:
    r"""Say whether an answer has the value of the right one.

    Whole numbers must be equal; of other numbers the answer may be off by `TOLERANCE`, so that 0.333333 is 1/3 and 0.33
    is not. What is no number must be the same in its canonical form: see `final_answers.canonical`.

    Args:
        answer: As `extract_answer` gives it; `None`, no answer, is wrong.
        gold: A number, an answer, or a whole solution with its `####` or `\boxed{}`.
    """
    if answer is None:
        return False
    given, right = _written(answer), _written(gold)
    if "####" in right or "\\boxed" in right:
        right = extract_answer(right) or right
    if canonical(given) == canonical(right):
        return bool(canonical(right))
    number, target = number_in(given), number_in(right)
    if number is None or target is None or number.denominator == target.denominator == 1:
        return False
    return abs(number - target) <= TOLERANCE * abs(target)


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else repr(value)


def gsm8k_sample(table: Mapping[str, Any]) -> Sample:
    """Make a sample of a line of GSM8K.

    Raises:
        ConfigurationError: A field is no text, or the answer has no result.
        KeyError: A field is missing.
    """
    return _sample("gsm8k", table, table["question"], table["answer"], {})


def math_sample(table: Mapping[str, Any]) -> Sample:
    """Make a sample of a problem of MATH.

    Raises:
        ConfigurationError: A field is no text, or the solution has no result.
        KeyError: A field is missing.
    """
    about = {"level": str(table.get("level", "?")), "type": str(table.get("type", table.get("subject", "?")))}
    if about["level"].isdigit():
        about["level"] = f"Level {about['level']}"
    return _sample("math", table, table["problem"], table.get("answer") or table["solution"], about)


def _sample(
    benchmark: Benchmark, table: Mapping[str, Any], asked: object, solved: object, about: dict[str, Any]
) -> Sample:
    if not isinstance(asked, str) or not isinstance(solved, str | int | float):
        msg = f"the problem and its solution must be texts, got {type(asked).__name__} and {type(solved).__name__}"
        raise ConfigurationError(msg)
    text = _written(solved)
    is_solution = "####" in text or "\\boxed" in text or (benchmark == "gsm8k" and not text.strip().isdigit())
    target = extract_answer(text) if is_solution else text.strip()
    if not target:
        msg = f"the solution has no final answer: {text[-80:]!r}"
        raise ConfigurationError(msg)
    given = table.get("id", table.get("unique_id"))
    own = str(given) if given is not None else f"{benchmark}-{hashlib.sha256(asked.encode()).hexdigest()[:12]}"
    return Sample(own, (f"{asked.strip()}\n\n{_TASKS[benchmark]}",), target, about)


@dataclass
class ProblemFolder:
    """MATH as its authors gave it out: a folder of folders, one JSON file for each problem."""

    path: Path
    broken: list[BrokenLine] = field(default_factory=list)
    """Of the last iteration, as far as it has come."""

    def __iter__(self) -> Iterator[Sample]:
        """Yield every sample, by the order of the files' names; its id is the file's path in the folder."""
        self.broken = []
        for file in sorted(self.path.rglob("*.json")):
            try:
                table = json.loads(file.read_text(encoding="utf-8"))
                yield math_sample({**table, "id": file.relative_to(self.path).with_suffix("").as_posix()})
            except KeyError as error:
                self.broken.append(BrokenLine(str(file), 1, f"there is no {error.args[0]!r}"))
            except (ValueError, TypeError, AttributeError, OSError, RecursionError) as error:
                self.broken.append(BrokenLine(str(file), getattr(error, "lineno", 1), str(error)))


def fetch(benchmark: Benchmark, folder: Path) -> Path:
    """Return the authors' test set in a folder of copies, of MATH the 500 problems of Lightman et al. 2023.

    Raises:
        ConfigurationError: It is not there and cannot be fetched.
    """
    return fetched(f"{benchmark}.jsonl", folder)


def read_problems(benchmark: Benchmark, path: str | Path) -> SampleFile | ProblemFolder:
    """Return the samples of a file or, for MATH, of a folder; `broken` tells which lines hold none.

    Raises:
        ConfigurationError: It cannot be read.
    """
    given = Path(path)
    if given.is_dir() and benchmark == "math":
        return ProblemFolder(given)
    if given.is_dir():
        given = next((file for file in (given / "test.jsonl", given / "gsm8k.jsonl") if file.exists()), given)
    return read_samples(given, gsm8k_sample if benchmark == "gsm8k" else math_sample)


def score(sample: Sample, answer: Answer) -> Score:
    """Return 1 for a right answer and 0 for a wrong one; one without a final answer is wrong, and marked."""
    if sample.target is None:
        return Score.unscored(sample.id, "nobody has written the right answer down", **sample.metadata, found=None)
    found = extract_answer(texts_of(answer)[-1])
    right = is_correct(found, sample.target)
    why = "no final answer was found" if found is None else f"{found} for {sample.target}"
    return Score(sample.id, float(right), why, {**sample.metadata, "found": found})


def stamp(date: str) -> JudgeStamp:
    """Return who scores: a comparison of final answers."""
    return JudgeStamp("exact match of the final answer", date)


async def evaluate(
    benchmark: Benchmark,
    mixture: Mixture,
    samples: Sequence[Sample],
    *,
    answers: RunLog,
    options: RunOptions,
    date: str,
    watcher: RunWatcher | None = None,
) -> tuple[Report, Outcome]:
    """Let a mixture answer every problem, and compare its final answers.

    Args:
        benchmark: Which problems.
        mixture: Who answers.
        samples: The problems of the run: `options.limit` and `options.seed` are not applied here.
        answers: Open, of `rating.answers_identity`.
        options: With `max_cost`, every model needs a price and a `max_tokens`.
        date: ISO date of the run.
        watcher: Is told how it goes.

    Raises:
        ConfigurationError: The mixture has no written form for a cluster, or `max_cost` cannot be kept.
    """
    outcome = await answer_samples(samples, lambda _: mixture, answers, options, watcher=watcher)
    scored = Scored(mixture.name, [score(*pair) for pair in answers_in(answers, samples)], stamp(date))
    missing = len(samples) - len(scored.scores)
    notes = [f"{missing} of {len(samples)} problems have no answer and are left out"] if missing else []
    return report(benchmark, [scored], date=date, notes=notes), outcome


def report(benchmark: Benchmark, runs: Sequence[Scored], *, date: str, notes: Sequence[str] = ()) -> Report:
    """Tell the accuracy of each arm, and for MATH by level and by subject.

    Args:
        benchmark: Which problems.
        runs: The arms, with what `score` gave.
        date: ISO date of the run.
        notes: Warnings that a reader must not miss.
    """
    title = _TITLES[benchmark]
    tables = [_accuracy(f"{title}: share of right answers", runs)]
    if benchmark == "math":
        tables += [
            by_group(f"{title} by {name}", name, runs, lambda each, name=name: [each.metadata[name]])  # type: ignore[misc]
            for name in ("level", "type")
        ]
    data = {run.arm: [_as_data(each) for each in run.scores] for run in runs}
    return Report(title=title, date=date, tables=tables, figures=_figures(title, runs), notes=notes, data=data)


def _accuracy(title: str, runs: Sequence[Scored]) -> Table:
    plain = overall(title, runs, value="accuracy (0 to 1)")
    missing = [sum(each.value is not None and each.metadata["found"] is None for each in run.scores) for run in runs]
    rows = [[*row, count] for row, count in zip(plain.rows, missing, strict=True)]
    note = "An answer in which no final answer was found counts as wrong, and is told in the last column."
    judge = judge_of(runs, table=title)
    return Table(title=title, columns=[*plain.columns, "none found"], rows=rows, judge=judge, notes=[note])


def _figures(title: str, runs: Sequence[Scored]) -> list[Any]:
    from langgraph_moa.evaluation.figures import bars

    arms, means = [run.arm for run in runs], [mean_score(run.scores) for run in runs]
    spans = [interval_of(run.scores) for run in runs]
    return [bars(f"{title}: accuracy", arms, means, intervals=spans, value_label="share of right answers")]


def _as_data(each: Score) -> dict[str, Any]:
    return {"sample": each.sample, "value": each.value, "why": each.why, **each.metadata}
