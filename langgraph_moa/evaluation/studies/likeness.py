"""Similarity (Wang et al. 2024, figure 4): is the answer made of the best proposals? Beside a control that saw none.

An answer that is like the better proposals need not have been made of them: good answers are alike. So the same model
answers once more without any proposal, and what counts is how far the first is ahead of the second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langgraph_moa.evaluation.arms import Arm
from langgraph_moa.evaluation.figures import bars
from langgraph_moa.evaluation.intervals import bootstrap_mean, paired_difference, rank_correlation
from langgraph_moa.evaluation.reports import Cell, Figure, Table
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import mean
from langgraph_moa.evaluation.similarity import SMOOTHING, similarities
from langgraph_moa.evaluation.studies.design import (
    GAIN_COLUMNS,
    Design,
    Results,
    alone,
    as_speaker,
    gain_cells,
    seats_of,
    stage,
)
from langgraph_moa.mixture import Mixture

_ANSWER, _CONTROL = "answer", "control"
MEASURES = ("bleu-3", "bleu-4", "bleu-5", "tf-idf", "levenshtein")


def design(mixture: Mixture) -> Design:
    """Return the study: how like the answer is to each proposal, and how that goes with what the proposals are worth.

    Args:
        mixture: Of three proposers or more: a rank correlation of two says little. Two stages of it are asked.

    Raises:
        ConfigurationError: There are fewer than three proposers, or the aggregator's strategy asks no model.
    """
    seats = seats_of(mixture, least=3)
    arms = [Arm(label, alone(mixture, seat)) for label, seat in seats.items()]
    arms.append(Arm(_ANSWER, stage(mixture, list(seats.values()), mixture.merger)))
    arms.append(Arm(_CONTROL, alone(mixture, as_speaker(mixture.merger))))
    labels = list(seats)

    def tables(results: Results) -> list[Table]:
        found = {arm: _questions(results, labels, arm) for arm in (_ANSWER, _CONTROL)}
        rows: list[list[Cell]] = []
        for measure in MEASURES:
            (like, rho), (control_like, control_rho) = (_columns(found[arm], measure) for arm in (_ANSWER, _CONTROL))
            gain = gain_cells(paired_difference(rho, control_rho))
            rows.append([measure, mean(like), mean(control_like), mean(rho), mean(control_rho), *gain])
        columns = ["measure", "likeness", "control", "rank correlation", "control", *GAIN_COLUMNS]
        notes = (
            "Likeness to the proposals, 0 to 1; Spearman's correlation with their scores, mean over the questions.",
            "The gain is that of the answer's correlation over the control's, the same model without any proposal.",
            f"BLEU is smoothed: {SMOOTHING}.",
        )
        return [results.table("Likeness of the answer to each proposal", columns, rows, *notes)]

    def figures(results: Results) -> list[Figure]:
        found = {arm: _questions(results, labels, arm) for arm in (_ANSWER, _CONTROL)}
        names, values, intervals = [], [], []
        for measure in MEASURES:
            for arm in (_ANSWER, _CONTROL):
                rho = _columns(found[arm], measure)[1]
                names.append(f"{measure}, {arm}")
                values.append(mean(rho))
                intervals.append(bootstrap_mean(rho))
        title = "Likeness to a proposal and its score"
        return [bars(title, names, values, intervals=intervals, value_label="rank correlation", baseline=0.0)]

    return Design(
        name="similarity",
        title="Similarity of the answer to each proposal",
        arms=arms,
        tables=tables,
        figures=figures,
        notes=[
            "Questions for which all proposals have the same score have no rank correlation, and are left out of it.",
            "So are conversations of several turns, in which a model alone answers another history than as a proposer.",
        ],
    )


_Question = Mapping[str, tuple[float | None, float | None]]
"""By measure: the mean likeness to the proposals, and its correlation with their scores."""


def _questions(results: Results, labels: Sequence[str], arm: str) -> list[_Question]:
    return [_question(results, labels, arm, sample) for sample in results.samples]


def _columns(found: Sequence[_Question], measure: str) -> tuple[list[float | None], list[float | None]]:
    told = [question.get(measure, (None, None)) for question in found]
    return [like for like, _ in told], [rho for _, rho in told]


def _question(results: Results, labels: Sequence[str], arm: str, sample: Sample) -> _Question:
    own = results.tested[arm].trials.get(sample.id)
    proposals = [trial for label in labels if (trial := results.tested[label].trials.get(sample.id))]
    if own is None or not proposals or len(sample.turns) > 1:
        return {}
    scores = [trial.score.value for trial in proposals]
    measured = similarities(own.answers[-1], [trial.answers[-1] for trial in proposals])
    return {measure: (mean(values), rank_correlation(values, scores)) for measure, values in measured.items()}
