"""Proposers (Wang et al. 2024, section 3.3 and table 3): how many, and of how many models?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.arms import Arm
from langgraph_moa.evaluation.figures import lines
from langgraph_moa.evaluation.reports import Figure, Table
from langgraph_moa.evaluation.studies.design import (
    GAIN_COLUMNS,
    Design,
    Results,
    gain_cells,
    scores_of,
    seats_of,
    stage,
)
from langgraph_moa.mixture import Mixture, Proposer

COUNTS = (1, 2, 3, 6)
"""As in the paper."""


def design(mixture: Mixture, *, counts: Sequence[int] = COUNTS) -> Design:
    """Return the study: answers of n models, and n answers of one model, before the same aggregator.

    Args:
        mixture: Its first layer holds the models in the order in which they are added; the first one is also the
            single proposer. More answers than there are models come from that one alone.
        counts: Values of n, each 1 or more.

    Raises:
        ConfigurationError: A count is wrong.
    """
    if not counts or min(counts) < 1:
        msg = f"counts of proposers must be 1 or more, got {list(counts)}"
        raise ConfigurationError(msg)
    seats = list(seats_of(mixture, least=1).values())
    several = {n: stage(mixture, seats[:n], mixture.merger) for n in counts if n <= len(seats)}
    one = {n: stage(mixture, [replace(seats[0], samples=n)], mixture.merger) for n in counts}
    arms = [Arm(_several(n), recipe) for n, recipe in several.items()]
    arms += [Arm(_one(n), recipe) for n, recipe in one.items()]

    def tables(results: Results) -> list[Table]:
        rows = []
        for n in counts:
            found = results.ahead(_several(n), _one(n)) if n in several else None
            gain = gain_cells(found) if n in several else [None] * 3 + ["fewer models than n"]
            rows.append([n, *scores_of(results, [_several(n), _one(n)]), *gain])
        return [results.table("n models against n answers of one", ["n", "models", "one model", *GAIN_COLUMNS], rows)]

    def figures(results: Results) -> list[Figure]:
        series = {
            "n models": [(float(n), results.standing(_several(n)).score) for n in several],
            "n answers of one model": [(float(n), results.standing(_one(n)).score) for n in one],
        }
        return [lines("Score by number of proposals", series, x_label="proposals", y_label=results.scorer.scale)]

    return Design(
        name="proposers",
        title="Number of proposers",
        arms=arms,
        tables=tables,
        figures=figures,
        notes=[_note(seats[0])],
    )


def _several(count: int) -> str:
    return f"{count} models" if count > 1 else "1 model"


def _one(count: int) -> str:
    return f"{count} answers of one model" if count > 1 else "1 answer of one model"


def _note(seat: Proposer) -> str:
    told = "The single proposer has temperature 0: its draws are alike, which is no fair comparison."
    return told if seat.temperature == 0 else "The single proposer is the first model, drawn anew each time."
