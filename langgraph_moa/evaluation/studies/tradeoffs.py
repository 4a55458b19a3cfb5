"""What does quality cost, in dollars and in seconds? Usual recipes of the same models, with the Pareto front marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from langgraph_moa.evaluation.arms import Arm, drawn
from langgraph_moa.evaluation.comparing import alike, self_moa
from langgraph_moa.evaluation.figures import Point, scatter
from langgraph_moa.evaluation.intervals import pareto_front
from langgraph_moa.evaluation.reports import Cell, Figure, Table
from langgraph_moa.evaluation.studies.design import Design, Results, alone, drawn_seats_of, seats_of, stage
from langgraph_moa.mixture import Mixture

Measure = Literal["cost", "latency"]


def design(mixture: Mixture, *, measure: Measure = "cost") -> Design:
    """Return the study.

    Args:
        mixture: Of one proposer or more.
        measure: Dollars or seconds. A model's seconds are those that it took when it was asked, also where the answer
            came from the tape.

    Raises:
        ConfigurationError: The arms cannot be made.
    """
    arms = _arms(mixture)
    names = [arm.name for arm in arms]

    def tables(results: Results) -> list[Table]:
        label, points = _measured(results, names, measure)
        front = pareto_front([(point.x, point.y) for point in points])
        rows: list[list[Cell]] = [
            [point.name, point.x, point.y, "yes" if index in front else None if point.x is None else "no"]
            for index, point in enumerate(points)
        ]
        rows.sort(key=lambda row: (row[1] is None, row[1]))
        columns = ["arm", label, results.scorer.scale, "on the Pareto front"]
        unknown = [point.name for point in points if point.x is None]
        notes = [f"Unknown, and not on the front: {', '.join(unknown)}."] if unknown else []
        return [results.table(f"Quality against {measure}", columns, rows, *notes)]

    def figures(results: Results) -> list[Figure]:
        label, points = _measured(results, names, measure)
        return [scatter(f"Quality against {measure}", points, x_label=label, y_label=results.scorer.scale)]

    return Design(
        name=measure,
        title=f"Quality against {measure}",
        arms=arms,
        tables=tables,
        figures=figures,
        notes=["On the front: whatever is cheaper is worse, and whatever is better costs more."],
    )


def _measured(results: Results, names: Sequence[str], measure: Measure) -> tuple[str, list[Point]]:
    """Return what is on the axis, and a point for each arm; where no dollars are known at all, calls stand for them."""
    told = [results.standing(name) for name in names]
    if measure == "latency":
        return "s a question", [Point(one.name, one.seconds, one.score) for one in told]
    if any(one.cost is not None for one in told):
        return "$ a question", [Point(one.name, one.cost, one.score) for one in told]
    return "calls a question, as no price is known", [Point(one.name, one.calls, one.score) for one in told]


def _arms(mixture: Mixture) -> list[Arm]:
    seats = seats_of(mixture, least=1)
    proposers, drawn_alike = list(seats.values()), list(drawn_seats_of(mixture, least=1).values())
    arms = [Arm(f"{label} alone", alone(mixture, seat)) for label, seat in seats.items()]
    arms.append(Arm("the mixture", mixture))
    arms.append(Arm(f"3 draws of {next(iter(seats))}", alike(mixture, drawn(proposers[0], 3))))
    if len(seats) > 1:
        arms.append(Arm("self-moa of the first", self_moa(mixture, proposers[0])))
        arms.append(Arm("consensus", stage(mixture, drawn_alike, replace(mixture.merger, strategy="consensus"))))
    if len(seats) > 2:  # noqa: PLR2004 - with two the mixture is that
        arms.append(Arm("the first two", stage(mixture, proposers[:2], mixture.merger)))
    if mixture.merger.model is not None:
        arms.append(Arm("ranker", stage(mixture, drawn_alike, replace(mixture.merger, strategy="select"))))
    return arms
