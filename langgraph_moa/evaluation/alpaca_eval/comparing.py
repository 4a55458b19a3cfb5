"""What the judge said of one instruction, and what all of it amounts to."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Any

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.alpaca_eval.rates import win_rate
from langgraph_moa.evaluation.intervals import Interval, bootstrap_mean
from langgraph_moa.evaluation.length_control import LengthControlWarning, length_controlled_win_rate
from langgraph_moa.evaluation.scores import mean

DRAW = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The outputs for one instruction, compared."""

    index: int
    """Of the instruction."""
    preference: float | None
    """For the model over the baseline, from 0 to 1; `None`: unscored."""
    flipped: bool | None = None
    """Whether another output won when they changed places; `None`: they did not."""
    why: str | None = None
    """Why there is no preference, or how it came to be."""
    baseline_length: int
    """In characters."""
    output_length: int
    date: str
    """ISO date on which it was judged."""
    cost: float | None = None
    """US dollars for the judge; `None`: unknown."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data; `from_dict` gives an equal one back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Comparison:
        """Build one from what `to_dict` gave."""
        return cls(**table)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Of the comparisons of one model."""

    win_rate: float | None
    """Percent; `None`: nothing is scored."""
    interval: Interval | None
    """95 %, by bootstrap."""
    length_controlled: float | None
    """Percent; `None`: see `remarks`."""
    baseline_length: float | None
    """Mean, in characters, as are all that are compared."""
    output_length: float | None
    ties: int
    flips: int | None
    """`None`: every pair was asked in one order."""
    unscored: int
    count: int
    """Instructions, the unscored ones included."""
    remarks: tuple[str, ...]
    """What must be said beside these figures."""


def summarize(comparisons: Sequence[Comparison], *, gamed: str | PathLike[str] | None) -> Summary:
    """Return what the comparisons amount to.

    Args:
        comparisons: Of one model.
        gamed: Path of `df_gamed.csv`; `None`: no length-controlled win rate.

    Raises:
        MissingDependencyError: It is given and the extra `eval` is not installed.
    """
    ordered = sorted(comparisons, key=lambda each: each.index)
    preferences = [each.preference for each in ordered]
    scored = [preference for preference in preferences if preference is not None]
    controlled, remarks = _length_controlled(ordered, gamed)
    interval = bootstrap_mean(scored)
    asked_twice = [each.flipped for each in ordered if each.flipped is not None]
    unscored = len(ordered) - len(scored)
    if unscored:
        why = next((each.why for each in ordered if each.preference is None and each.why), "no reason is known")
        remarks = [*remarks, f"{unscored} of {len(ordered)} comparisons are unscored and left out, the first: {why}"]
    return Summary(
        win_rate=win_rate(preferences),
        interval=None if interval is None else Interval(100 * interval.low, 100 * interval.high),
        length_controlled=controlled,
        baseline_length=mean(each.baseline_length for each in ordered),
        output_length=mean(each.output_length for each in ordered),
        ties=sum(preference == DRAW for preference in scored),
        flips=sum(asked_twice) if asked_twice else None,
        unscored=unscored,
        count=len(ordered),
        remarks=tuple(remarks),
    )


def _length_controlled(
    comparisons: Sequence[Comparison], gamed: str | PathLike[str] | None
) -> tuple[float | None, list[str]]:
    """Return the length-controlled win rate, with what must be said of it or why there is none."""
    if gamed is None:
        return None, ["There is no length-controlled win rate: it needs AlpacaEval's df_gamed.csv"]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", LengthControlWarning)
        try:
            rate = length_controlled_win_rate(
                [each.preference for each in comparisons],
                [each.baseline_length for each in comparisons],
                [each.output_length for each in comparisons],
                gamed=gamed,
                indices=[each.index for each in comparisons],
            )
        except ConfigurationError as error:
            return None, [f"There is no length-controlled win rate: {error}"]
    return rate, [str(warning.message) for warning in warned]
