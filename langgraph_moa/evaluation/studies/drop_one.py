"""What does each proposer add? The mixture is asked again without it."""

from __future__ import annotations

from langgraph_moa.evaluation.arms import Arm
from langgraph_moa.evaluation.reports import Table
from langgraph_moa.evaluation.studies.design import (
    GAIN_COLUMNS,
    Design,
    Results,
    bars_of,
    drawn_seats_of,
    gain_cells,
    stage,
)
from langgraph_moa.mixture import Mixture

_WHOLE = "all proposers"
_WITHOUT = "without {}"


def design(mixture: Mixture) -> Design:
    """Return the study: all proposers, and all but one with its draws for each of them, at the mixture's depth.

    Args:
        mixture: Its first layer holds the proposers, two or more, and stands in every layer.

    Raises:
        ConfigurationError: There are fewer than two proposers.
    """
    seats = drawn_seats_of(mixture)
    arms = [Arm(_WHOLE, stage(mixture, list(seats.values()), mixture.merger, depth=mixture.depth))]
    for label in seats:
        rest = [seat for name, seat in seats.items() if name != label]
        arms.append(Arm(_WITHOUT.format(label), stage(mixture, rest, mixture.merger, depth=mixture.depth)))

    def tables(results: Results) -> list[Table]:
        rows = [
            [
                label,
                results.standing(_WITHOUT.format(label)).score,
                *gain_cells(results.ahead(_WHOLE, _WITHOUT.format(label))),
            ]
            for label in seats
        ]
        rows = [["nobody", results.standing(_WHOLE).score, *[None] * 4], *rows]
        return [results.table("What each proposer adds", ["left out", "score", *GAIN_COLUMNS], rows)]

    return Design(
        name="drop-one",
        title="Without one proposer",
        arms=arms,
        tables=tables,
        figures=bars_of("The mixture without each proposer"),
        notes=["The gain is that of the whole mixture over the one without the proposer: below 0, it does harm."],
    )
