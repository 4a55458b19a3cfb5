"""Arms side by side: what they are worth, what they take, and whether one is really ahead of another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from langgraph_moa.evaluation.bench import Measured
from langgraph_moa.evaluation.figures import bars
from langgraph_moa.evaluation.intervals import Difference, Interval, bootstrap_mean, paired_difference
from langgraph_moa.evaluation.reports import Cell, Figure, Table
from langgraph_moa.evaluation.samples import Sample
from langgraph_moa.evaluation.scores import mean
from langgraph_moa.evaluation.scoring import Scorer

_HIGH = 0.95
"""Quantile that is told beside the median."""
_MOST_NAMES = 4
"""In a note."""


class Standing(NamedTuple):
    """What one arm comes to."""

    name: str
    score: float | None
    """Mean of the scored answers."""
    interval: Interval | None
    """Bootstrap, 95 %."""
    cost: float | None
    """US dollars a question, mean; `None`: not all is known."""
    seconds: float | None
    """A question, mean."""
    calls: float | None
    """A question, mean."""
    scored: int
    unscored: int
    """Answers that nobody could judge."""
    missing: int
    """Samples without an answer or a verdict: a call failed, or was not made."""


def standing(tested: Measured, samples: Sequence[Sample]) -> Standing:
    """Sum up an arm over the samples that it was asked."""
    values = tested.values(samples)
    trials = list(tested.trials.values())
    scored = sum(value is not None for value in values)
    costs = [trial.cost for trial in trials]
    return Standing(
        name=tested.arm.name,
        score=mean(values),
        interval=bootstrap_mean(values),
        cost=None if None in costs else mean(costs),
        seconds=mean(trial.seconds for trial in trials),
        calls=mean(float(trial.calls) for trial in trials),
        scored=scored,
        unscored=len(trials) - scored,
        missing=len(samples) - len(trials),
    )


def merit(told: Standing, lowest: float) -> float | None:
    """Return what an arm is chosen by: its mean, to which a sample that it has failed on counts as the lowest score.

    Without that an arm that answers a single question, and that one well, would be the best of all.
    """
    if told.score is None:
        return None
    asked = told.scored + told.missing
    return told.score * (told.scored / asked) + lowest * (told.missing / asked)


def arms_table(title: str, arms: Sequence[Measured], samples: Sequence[Sample], scorer: Scorer) -> Table:
    """Return one row for each arm: score with its 95 % interval, calls, dollars and seconds a question."""
    columns = ["arm", scorer.scale, "95 % from", "to", "calls", "$ median", "$ p95", "s median", "s p95"]
    rows = [_row(tested, samples) for tested in arms]
    standings = [standing(tested, samples) for tested in arms]
    return Table(
        title=title,
        columns=[*columns, "scored", "unscored", "missing"],
        rows=rows,
        judge=scorer.stamp,
        notes=[*_notes(standings), *_flips(arms)],
    )


def _row(tested: Measured, samples: Sequence[Sample]) -> list[Cell]:
    told = standing(tested, samples)
    low, high = told.interval or (None, None)
    costs = [trial.cost for trial in tested.trials.values()]
    known = [] if told.cost is None else [cost for cost in costs if cost is not None]
    seconds = [trial.seconds for trial in tested.trials.values()]
    spread = [quantile(known, 0.5), quantile(known, _HIGH), quantile(seconds, 0.5), quantile(seconds, _HIGH)]
    return [told.name, told.score, low, high, told.calls, *spread, told.scored, told.unscored, told.missing]


def _notes(standings: Sequence[Standing]) -> list[str]:
    notes = ["Calls, $ and s are those of one question, for an arm that runs alone."]
    unknown = [told.name for told in standings if told.cost is None and told.scored]
    if unknown:
        notes.append(f"The cost of {_some(unknown)} is unknown: a model has no price, or told no tokens.")
    missing = [f"{told.name} {told.missing}" for told in standings if told.missing]
    if missing:
        notes.append(f"Samples without an answer or a verdict, since a call failed or was not made: {_some(missing)}.")
    return notes


def _flips(arms: Sequence[Measured]) -> list[str]:
    """Say how often a judge of pairs changed its verdict with the order, if it was asked in both."""
    told = [trial.score.metadata.get("flipped") for measured in arms for trial in measured.trials.values()]
    known = [flipped for flipped in told if flipped is not None]
    if not known:
        return []
    return [f"With the order of the two answers the judge changed sides in {sum(known)} of {len(known)} pairs."]


def difference(first: Measured, second: Measured, samples: Sequence[Sample]) -> Difference | None:
    """Compare two arms on the samples that both have a score for; `None`: there are fewer than two."""
    return paired_difference(first.values(samples), second.values(samples))


def verdict(first: str, second: str, found: Difference | None) -> str:
    """Say in a sentence whether the first arm is ahead of the second."""
    if found is None:
        return f"Nothing can be said of {first} and {second}: fewer than two questions are scored for both."
    size = f"{found.mean:+.3g} (95 % interval {found.low:+.3g} to {found.high:+.3g}, {found.pairs} questions)"
    if not found.significant:
        return f"No significant gain of {first} over {second}: {size}."
    word = "gain of {} over {}" if found.mean > 0 else "loss of {} against {}"
    return f"Significant {word.format(first, second)}: {size}."


def differences_table(first: Measured, others: Sequence[Measured], samples: Sequence[Sample], scorer: Scorer) -> Table:
    """Return one row for each other arm: how far the first is ahead of it, and whether that is more than chance."""
    rows: list[list[Cell]] = []
    for other in others:
        found = difference(first, other, samples)
        cells: list[Cell] = [None] * 4 if found is None else [found.mean, found.low, found.high, found.pairs]
        rows.append([other.arm.name, *cells, _word(found)])
    return Table(
        title=f"{first.arm.name} against the others",
        columns=["against", f"{scorer.scale}: ahead by", "95 % from", "to", "pairs", "verdict"],
        rows=rows,
        judge=scorer.stamp,
        notes=["Paired by question. Significant: the bootstrap interval leaves out 0, and a sign-flip test agrees."],
    )


def _word(found: Difference | None) -> str:
    if found is None:
        return "too few questions"
    if not found.significant:
        return "no significant gain"
    return "significant gain" if found.mean > 0 else "significant loss"


def arms_figure(title: str, arms: Sequence[Measured], samples: Sequence[Sample], scorer: Scorer) -> Figure:
    """Draw the scores with their intervals."""
    told = [standing(tested, samples) for tested in arms]
    names, values, intervals = [one.name for one in told], [one.score for one in told], [one.interval for one in told]
    return bars(title, names, values, intervals=intervals, value_label=scorer.scale)


def arms_data(arms: Sequence[Measured], samples: Sequence[Sample], scorer: Scorer) -> dict[str, Any]:
    """Return everything that tables and figures of arms are made of, as plain data."""
    return {
        "scorer": {**scorer.stamp._asdict(), "scale": scorer.scale},
        "samples": [sample.id for sample in samples],
        "arms": {tested.arm.name: _data(tested, samples) for tested in arms},
    }


def _data(tested: Measured, samples: Sequence[Sample]) -> dict[str, Any]:
    told = standing(tested, samples)
    trials = [
        {
            "sample": name,
            "score": trial.score.value,
            "why": trial.score.why,
            "cost": trial.cost,
            "seconds": trial.seconds,
            "calls": trial.calls,
        }
        for name, trial in tested.trials.items()
    ]
    return {**told._asdict(), "interval": None if told.interval is None else list(told.interval), "trials": trials}


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which a share of the values lies, between two of them where need be; `None` of none."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return join(names) if more <= 0 else f"{', '.join(names[:_MOST_NAMES])} and {more} more"


def join(names: Sequence[str]) -> str:
    """Write names in a row: a, b and c."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1] if names else ""]))
