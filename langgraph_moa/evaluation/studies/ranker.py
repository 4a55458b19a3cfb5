"""Ranker (Wang et al. 2024, figure 4 and table 5): is an answer made of the proposals better than one of them?"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from langgraph_moa.evaluation.arms import Arm
from langgraph_moa.evaluation.reports import Table
from langgraph_moa.evaluation.studies.design import (
    GAIN_COLUMNS,
    Design,
    Results,
    as_speaker,
    bars_of,
    drawn_seats_of,
    gain_cells,
    stage,
)
from langgraph_moa.mixture import Aggregator, Mixture

_SYNTHESIZER, _RANKER, _CONSENSUS = "synthesizer", "ranker", "consensus"
_STRATEGIES: dict[str, Literal["synthesize", "select", "consensus"]] = {
    _SYNTHESIZER: "synthesize",
    _RANKER: "select",
    _CONSENSUS: "consensus",
}


def design(mixture: Mixture) -> Design:
    """Return the study: the same proposals are synthesised, ranked by the same model, or chosen by consensus.

    Args:
        mixture: Of two proposers or more. Its aggregator's model is asked in both ways.

    Raises:
        ConfigurationError: There are fewer than two proposers, or the aggregator's strategy asks no model.
    """
    seats = list(drawn_seats_of(mixture).values())
    as_speaker(mixture.merger)
    arms = [
        Arm(name, stage(mixture, seats, _deciding(mixture.merger, strategy))) for name, strategy in _STRATEGIES.items()
    ]

    def tables(results: Results) -> list[Table]:
        rows = []
        for name in (_RANKER, _CONSENSUS):
            scores = [results.standing(each).score for each in (_SYNTHESIZER, name)]
            rows.append([name, *scores, *gain_cells(results.ahead(_SYNTHESIZER, name))])
        columns = ["against", _SYNTHESIZER, "the other", *GAIN_COLUMNS]
        return [results.table("The synthesizer against who chooses one proposal", columns, rows)]

    return Design(
        name="ranker",
        title="Ranker against synthesizer",
        arms=arms,
        tables=tables,
        figures=bars_of("What is made of the same proposals"),
        notes=["The ranker gives one proposal word for word; consensus gives the one most like the others, unasked."],
    )


def _deciding(aggregator: Aggregator, strategy: Literal["synthesize", "select", "consensus"]) -> Aggregator:
    return replace(aggregator, strategy=strategy)
