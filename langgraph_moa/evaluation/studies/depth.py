"""Depth (Wang et al. 2024, figure 4): how many stages are worth it?"""

from __future__ import annotations

from langgraph_moa.checks import whole_number
from langgraph_moa.evaluation.arms import Arm
from langgraph_moa.evaluation.figures import lines
from langgraph_moa.evaluation.reports import Figure, Table
from langgraph_moa.evaluation.studies.design import (
    GAIN_COLUMNS,
    Design,
    Results,
    alone,
    as_speaker,
    drawn_seats_of,
    gain_cells,
    stage,
)
from langgraph_moa.mixture import Mixture

DEEPEST = 3
"""Where nothing else is asked for: the depth of the paper's MoA."""


def design(mixture: Mixture, *, deepest: int | None = None) -> Design:
    """Return the study: the aggregator's model alone at depth 1, then 1, 2, ... layers of proposers before it.

    Args:
        mixture: Its first layer stands in every layer.
        deepest: Stages of the deepest arm, the aggregator included, 2 to 8; `None`: the mixture's own depth, or
            `DEEPEST` if that is more.

    Raises:
        ConfigurationError: The depth is wrong, or the aggregator's strategy asks no model.
    """
    most = max(DEEPEST, mixture.depth) if deepest is None else deepest
    whole_number("depth", most, low=2, high=8)
    seats = list(drawn_seats_of(mixture, least=1).values())
    arms = [Arm(_name(1), alone(mixture, as_speaker(mixture.merger)))]
    arms += [Arm(_name(n), stage(mixture, seats, mixture.merger, depth=n)) for n in range(2, most + 1)]

    def tables(results: Results) -> list[Table]:
        rows = []
        for n in range(1, most + 1):
            told = results.standing(_name(n))
            gain = [None] * 4 if n == 1 else gain_cells(results.ahead(_name(n), _name(n - 1)))
            rows.append([n, told.score, told.calls, told.cost, told.seconds, *gain])
        columns = ["depth", results.scorer.scale, "calls", "$ mean", "s mean", *GAIN_COLUMNS]
        return [results.table("Each depth against the one before", columns, rows)]

    def figures(results: Results) -> list[Figure]:
        told = [results.standing(_name(n)) for n in range(1, most + 1)]
        points = {"score": [(float(n), one.score) for n, one in enumerate(told, start=1)]}
        bands = {"score": [one.interval for one in told]}
        return [lines("Score by depth", points, x_label="depth", y_label=results.scorer.scale, bands=bands)]

    return Design(
        name="depth",
        title="Depth",
        arms=arms,
        tables=tables,
        figures=figures,
        notes=[f"Depth 1 is {mixture.merger.label} alone. The aggregator counts as a stage."],
    )


def _name(depth: int) -> str:
    return f"depth {depth}"
