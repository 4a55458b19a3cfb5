"""Who to mix, as a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from langgraph_moa.evaluation.complementarity import Candidate, Complementarity, Step
from langgraph_moa.evaluation.figures import lines
from langgraph_moa.evaluation.reports import Cell, Figure, Report, Table
from langgraph_moa.evaluation.scores import JudgeStamp

_CANDIDATES = (
    "Model",
    "Right, %",
    "Low",
    "High",
    "Differs from others, %",
    "Right alone, %",
    "Right where the best is wrong, %",
    "No answer, %",
)
_STEPS = (
    "Models",
    "Added",
    "Vote, %",
    "At least one right, %",
    "Vote elsewhere, %",
    "At least one right elsewhere, %",
    "Gain elsewhere, points",
    "Low",
    "High",
    "Significant",
)
_ELSEWHERE = (
    "Elsewhere: on each half of the questions, with the models that were chosen on the other half. Gains are over the "
    "best single model, chosen so too."
)
_COVERAGE = "At least one right: as far as an aggregator could come that always chose the right answer. None does."


def mix_report(found: Complementarity, *, date: str, left_out: int = 0) -> Report:
    """Write who to mix as a report.

    Args:
        found: What `complementarity` gave.
        date: ISO date of the report.
        left_out: Questions that were not counted, as not every model was asked them.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    stamp = JudgeStamp("exact match", date, "final answers compared by value")
    orders = [("the vote", found.by_vote), ("at least one right", found.by_coverage)]
    return Report(
        title="Who to mix",
        date=date,
        notes=[*_notes(found, left_out)],
        tables=[
            Table(title="Models, best first", columns=_CANDIDATES, rows=_candidate_rows(found), judge=stamp),
            *(
                Table(
                    title=f"Sets, by the gain for {what}",
                    columns=_STEPS,
                    rows=[_step_row(size, step) for size, step in enumerate(steps, start=1)],
                    judge=stamp,
                    notes=[_ELSEWHERE, _COVERAGE],
                )
                for what, steps in orders
                if steps
            ),
        ],
        figures=[
            _figure(f"Share of right answers by models in the set, chosen by {what}", s) for what, s in orders if s
        ],
        data={
            "questions": found.questions,
            "scored": found.scored,
            "candidates": [_candidate_data(candidate) for candidate in found.candidates],
            "by_vote": [_step_data(step) for step in found.by_vote],
            "by_coverage": [_step_data(step) for step in found.by_coverage],
        },
    )


def _notes(found: Complementarity, left_out: int) -> Iterator[str]:
    yield f"{found.questions:,} questions, {found.scored:,} of them with a right answer to compare with."
    if left_out:
        yield f"{left_out:,} more are left out: not every model was asked them."
    if not found.scored:
        yield "With no right answer known, nobody's quality is, and no set is chosen."
        return
    last = found.by_vote[-1]
    if last.gain is None:
        yield "There are too few questions to score a set on others than those that it was chosen on."
        return
    gained = f"{100 * last.gain.mean:+.2f} points ({100 * last.gain.low:+.2f} to {100 * last.gain.high:+.2f})"
    verdict = "a significant gain" if last.gain.significant and last.gain.mean > 0 else "no significant gain"
    yield f"A vote of {len(found.by_vote)} against the best single model, elsewhere: {gained}: {verdict}."


def _candidate_rows(found: Complementarity) -> list[list[Cell]]:
    return [
        [
            candidate.model,
            _percent(candidate.accuracy),
            _percent(candidate.interval.low if candidate.interval else None),
            _percent(candidate.interval.high if candidate.interval else None),
            _percent(candidate.disagreement),
            _percent(candidate.right_alone),
            _percent(candidate.mends_best),
            _percent(candidate.unanswered),
        ]
        for candidate in found.candidates
    ]


def _step_row(size: int, step: Step) -> list[Cell]:
    gain = step.gain
    return [
        size,
        step.model,
        _percent(step.vote),
        _percent(step.coverage),
        _percent(step.cross_vote),
        _percent(step.cross_coverage),
        _percent(gain.mean if gain else None),
        _percent(gain.low if gain else None),
        _percent(gain.high if gain else None),
        None if gain is None else "yes" if gain.significant else "no",
    ]


def _figure(title: str, steps: Sequence[Step]) -> Figure:
    series: dict[str, list[float | None]] = {
        "vote, elsewhere": [step.cross_vote for step in steps],
        "at least one right, elsewhere": [step.cross_coverage for step in steps],
        "vote, on the questions chosen on": [step.vote for step in steps],
        "at least one right, on those": [step.coverage for step in steps],
    }
    return lines(
        title,
        {
            name: [(size, _percent(share)) for size, share in enumerate(shares, start=1)]
            for name, shares in series.items()
        },
        x_label="Models in the set",
        y_label="Right answers, %",
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)


def _candidate_data(candidate: Candidate) -> dict[str, object]:
    interval = candidate.interval
    return {**candidate._asdict(), "interval": None if interval is None else interval._asdict()}


def _step_data(step: Step) -> dict[str, object]:
    return {**step._asdict(), "gain": None if step.gain is None else step.gain._asdict()}
