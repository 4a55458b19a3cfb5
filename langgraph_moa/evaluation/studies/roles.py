"""Roles (Wang et al. 2024, table 4): who aggregates best, and who proposes best?"""

from __future__ import annotations

from dataclasses import replace

from langgraph_moa.evaluation.arms import Arm
from langgraph_moa.evaluation.reports import Cell, Table
from langgraph_moa.evaluation.studies.design import Design, Results, as_writer, bars_of, seats_of, stage
from langgraph_moa.mixture import Mixture


def design(mixture: Mixture) -> Design:
    """Return the study: each model aggregates the proposals of all, and has its own proposals aggregated.

    As a proposer a model is drawn as often as there are models, and the mixture's own aggregator reads them.

    Args:
        mixture: Its first layer holds the models, two or more.

    Raises:
        ConfigurationError: There are fewer than two models.
    """
    seats = seats_of(mixture)
    arms = []
    for label, seat in seats.items():
        arms.append(Arm(_aggregates(label), stage(mixture, list(seats.values()), as_writer(seat))))
        arms.append(Arm(_proposes(label), stage(mixture, [replace(seat, samples=len(seats))], mixture.merger)))

    def tables(results: Results) -> list[Table]:
        rows: list[list[Cell]] = []
        for label in seats:
            parts = [results.standing(_aggregates(label)), results.standing(_proposes(label))]
            rows.append([label, *(cell for part in parts for cell in (part.score, *(part.interval or (None, None))))])
        columns = ["model", "as aggregator", "95 % from", "to", "as proposer", "95 % from", "to"]
        return [results.table("Each model in both roles", columns, rows)]

    return Design(
        name="roles",
        title="Who aggregates and who proposes",
        arms=arms,
        tables=tables,
        figures=bars_of("Each model in both roles"),
        notes=[f"As proposer: {len(seats)} draws of the model, read by {mixture.merger.label}."],
    )


def _aggregates(label: str) -> str:
    return f"{label} aggregates"


def _proposes(label: str) -> str:
    return f"{label} proposes"
