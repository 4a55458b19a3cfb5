"""The report of AlpacaEval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from os import PathLike

from langgraph_moa.evaluation.alpaca_eval.comparing import Comparison, Summary, summarize
from langgraph_moa.evaluation.figures import bars
from langgraph_moa.evaluation.reports import Cell, Figure, Report, Table
from langgraph_moa.evaluation.scores import JudgeStamp

TITLE = "AlpacaEval 2.0"
_EVEN = 50.0
COLUMNS = (
    "generator",
    "LC win rate, %",
    "win rate, %",
    "95 % from",
    "to",
    "mean length",
    "baseline's mean length",
    "ties",
    "flips",
    "unscored",
    "instructions",
)


def report(
    models: Mapping[str, Sequence[Comparison]],
    judge: JudgeStamp,
    *,
    gamed: str | PathLike[str] | None,
    baseline: str = "baseline",
    notes: Sequence[str] = (),
) -> Report:
    """Return the win rates of some models, all by one judge.

    Args:
        models: The comparisons of each, by the generator's name.
        judge: Who made them.
        gamed: Path of `df_gamed.csv`; `None`: no length-controlled win rates.
        baseline: Who wrote the outputs that they are compared with.
        notes: Warnings that come first.

    Raises:
        MissingDependencyError: The extra `eval` is not installed.
    """
    summaries = {name: summarize(comparisons, gamed=gamed) for name, comparisons in models.items()}
    stamp = _dated(judge, [each.date for comparisons in models.values() for each in comparisons])
    remarks = [
        remark if len(summaries) == 1 else f"{name}: {remark}"
        for name, summary in summaries.items()
        for remark in summary.remarks
    ]
    table = Table(
        title=f"Win rates over {baseline}",
        columns=COLUMNS,
        rows=[_row(name, summary) for name, summary in summaries.items()],
        judge=stamp,
        notes=["Lengths are means, in characters. LC: length-controlled."],
    )
    data = {
        "judge": stamp._asdict(),
        "baseline": baseline,
        "models": {
            name: {**asdict(summary), "comparisons": [each.to_dict() for each in models[name]]}
            for name, summary in summaries.items()
        },
    }
    figures = [_figure(summaries, baseline)]
    return Report(title=TITLE, date=stamp.date, tables=[table], figures=figures, notes=[*notes, *remarks], data=data)


def _figure(summaries: Mapping[str, Summary], baseline: str) -> Figure:
    """Draw both rates of each model beside the line of a draw."""
    found = [
        (f"{name}: {kind}", rate, interval)
        for name, summary in summaries.items()
        for kind, rate, interval in (
            ("length-controlled", summary.length_controlled, None),
            ("raw", summary.win_rate, summary.interval),
        )
    ]
    labels, rates, intervals = zip(*found, strict=True) if found else ((), (), ())
    title = f"Win rates over {baseline}"
    return bars(title, labels, rates, intervals=intervals, value_label="win rate, %", baseline=_EVEN)


def _row(name: str, summary: Summary) -> list[Cell]:
    low, high = summary.interval or (None, None)
    return [
        name,
        summary.length_controlled,
        summary.win_rate,
        low,
        high,
        summary.output_length,
        summary.baseline_length,
        summary.ties,
        summary.flips,
        summary.unscored,
        summary.count,
    ]


def _dated(judge: JudgeStamp, dates: Sequence[str]) -> JudgeStamp:
    """Give a stamp the days on which the judge judged: the first and the last, where it took several."""
    days = sorted(set(dates))
    if not days:
        return judge
    return judge._replace(date=days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}")
