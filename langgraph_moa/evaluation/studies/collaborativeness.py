"""Collaborativeness (Wang et al. 2024, section 2.1): does a model answer better when it sees other answers?"""

from __future__ import annotations

from langgraph_moa.evaluation.arms import Arm
from langgraph_moa.evaluation.reports import Table
from langgraph_moa.evaluation.studies.design import (
    GAIN_COLUMNS,
    Design,
    Results,
    alone,
    as_writer,
    bars_of,
    gain_cells,
    seats_of,
    stage,
)
from langgraph_moa.mixture import Mixture

_WITH = "{} with the others"


def design(mixture: Mixture) -> Design:
    """Return the study: each model answers alone, and again with the answers of all others as references.

    Args:
        mixture: Its first layer holds the models, two or more; its aggregator is not asked.

    Raises:
        ConfigurationError: There are fewer than two models.
    """
    seats = seats_of(mixture)
    arms = []
    for label, seat in seats.items():
        others = [other for name, other in seats.items() if name != label]
        with_others = stage(mixture, others, as_writer(seat))
        arms += [Arm(label, alone(mixture, seat)), Arm(_WITH.format(label), with_others)]

    def tables(results: Results) -> list[Table]:
        rows = []
        for label in seats:
            told = [results.standing(name).score for name in (label, _WITH.format(label))]
            rows.append([label, *told, *gain_cells(results.ahead(_WITH.format(label), label))])
        return [results.table("Alone, and with the others' answers", ["model", "alone", "with", *GAIN_COLUMNS], rows)]

    return Design(
        name="collaborativeness",
        title="Collaborativeness",
        arms=arms,
        tables=tables,
        figures=bars_of("Each model alone, and with the others' answers"),
        notes=["Each model sees the answers of the other models, and not its own."],
    )
