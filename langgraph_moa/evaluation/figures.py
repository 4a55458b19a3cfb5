"""Figures of a report: bars, a radar, a scatter of cost against quality, lines.

What is unknown is not drawn, and the description says so. A description holds every figure that is drawn, for readers
who do not see it.
"""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.drawing import COLOURS, INK, MARKERS, QUIET, drawn
from langgraph_moa.evaluation.intervals import Interval, pareto_front
from langgraph_moa.evaluation.labels import number, one_line, shortened
from langgraph_moa.evaluation.reports import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.projections.polar import PolarAxes

_WIDTH = 7.2
_LABEL = 40
"""Characters of a name that fit beside an axis; the description has it whole."""
_AXIS_LINE = 14
"""Characters of a line of the name of a radar's axis."""
_POINTS = 72
"""In an inch."""
_FONT_SIZE, _LINE, _LEGEND_ROW = 11.0, 14.0, 15.0
"""Points."""
_TINY = 1e-6
_Corner: TypeAlias = Literal["lower center", "outside lower center"]
_FROM_RIM = 6
"""Points from a radar's rim to the names of its axes."""
_WIDE_RANGE = 30
"""Times the least value that the greatest must be for an axis to be logarithmic."""


class Point(NamedTuple):
    """One recipe in a scatter."""

    name: str
    x: float | None
    """What it costs: dollars, seconds or calls."""
    y: float | None
    """What it is worth."""


class _Bar(NamedTuple):
    label: str
    value: float
    interval: Interval | None


def bars(
    title: str,
    labels: Sequence[str],
    values: Sequence[float | None],
    *,
    intervals: Sequence[Interval | None] | None = None,
    value_label: str = "",
    baseline: float | None = None,
) -> Figure:
    """Draw one horizontal bar for each value, from the top down.

    Args:
        title: Stands above the figure, not in it.
        labels: One for each value.
        values: `None`: left out.
        intervals: One for each value, drawn as whiskers; `None`: unknown.
        value_label: What is measured, with its unit.
        baseline: Marked by a line, such as the score of chance or of the best single model.

    Raises:
        ConfigurationError: There are not as many labels or intervals as values.
        MissingDependencyError: matplotlib is not installed.
    """
    spans = [None] * len(values) if intervals is None else list(intervals)
    _same_length(title, labels=labels, values=values, intervals=spans)
    rows = [
        _Bar(label, value, span) for label, value, span in zip(labels, values, spans, strict=True) if value is not None
    ]
    unknown = [label for label, value in zip(labels, values, strict=True) if value is None]
    said = [f"{one_line(row.label)} {number(row.value)}{_span(row.interval)}" for row in rows]
    if baseline is not None:
        said.append(f"the line marks {number(baseline)}")
    paint = partial(_paint_bars, rows=rows, value_label=value_label, baseline=baseline)
    description = _described(f"Bars{_of(value_label)}", said, unknown)
    return Figure(title=title, svg=drawn(paint, width=_WIDTH, height=1.1 + 0.34 * len(rows)), description=description)


def radar(
    title: str,
    axes: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    low: float = 0.0,
    high: float | None = None,
) -> Figure:
    """Draw one closed line for each series over axes that start from one middle.

    Args:
        title: Stands above the figure, not in it.
        axes: Their names, at least three, clockwise from the top.
        series: By name, one value for each axis; `None` leaves a gap.
        low: Value in the middle.
        high: Value at the rim; `None`: the greatest value.

    Raises:
        ConfigurationError: There are fewer than three axes, or a series has not one value for each.
        MissingDependencyError: matplotlib is not installed.
    """
    if len(axes) < 3:  # noqa: PLR2004 - two make no area
        msg = f"figure {title!r}: a radar needs three axes or more, got {len(axes)}: draw bars"
        raise ConfigurationError(msg)
    for name, values in series.items():
        _same_length(f"{title}, {name}", axes=axes, values=values)
    known = [value for values in series.values() for value in values if value is not None]
    rim = max([*known, low + 1e-9]) if high is None else high
    paint = partial(_paint_radar, axes=axes, series=series, low=low, high=rim)
    said = [
        f"{one_line(name)}: " + ", ".join(f"{one_line(axis)} {number(value)}" for axis, value in pairs)
        for name, values in series.items()
        if (pairs := [(axis, value) for axis, value in zip(axes, values, strict=True) if value is not None])
    ]
    unknown = [
        f"{name}, {axis}"
        for name, values in series.items()
        for axis, value in zip(axes, values, strict=True)
        if value is None
    ]
    description = _described("Radar chart", said, unknown)
    return Figure(title=title, svg=drawn(paint, width=_WIDTH, height=5.6), description=description)


def scatter(title: str, points: Sequence[Point], *, x_label: str, y_label: str) -> Figure:
    """Draw points by what they cost and what they are worth; those that no other beats are marked and joined.

    Args:
        title: Stands above the figure, not in it.
        points: One with an unknown coordinate is left out.
        x_label: What less is better of, with its unit. The axis is logarithmic when the values differ widely.
        y_label: What more is better of, with its unit.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    known = [(point.name, point.x, point.y) for point in points if point.x is not None and point.y is not None]
    front = pareto_front([(x, y) for _, x, y in known])
    paint = partial(_paint_scatter, points=known, front=front, x_label=x_label, y_label=y_label)
    said = [
        f"{one_line(name)} at {number(x)}, {number(y)}{' (on the Pareto front)' if index in front else ''}"
        for index, (name, x, y) in enumerate(known)
    ]
    unknown = [point.name for point in points if point.x is None or point.y is None]
    description = _described(f"Scatter of {one_line(y_label)} against {one_line(x_label)}", said, unknown)
    return Figure(title=title, svg=drawn(paint, width=_WIDTH, height=4.4), description=description)


def lines(
    title: str,
    series: Mapping[str, Sequence[tuple[float, float | None]]],
    *,
    x_label: str,
    y_label: str,
    bands: Mapping[str, Sequence[Interval | None]] | None = None,
) -> Figure:
    """Draw one line for each series.

    Args:
        title: Stands above the figure, not in it.
        series: By name, points by rising x; `None` leaves a gap.
        x_label: With its unit.
        y_label: With its unit.
        bands: By name of a series, one interval for each of its points, shaded.

    Raises:
        ConfigurationError: A band is of no series, or has not one interval for each point.
        MissingDependencyError: matplotlib is not installed.
    """
    shaded = dict(bands or {})
    for name, spans in shaded.items():
        _same_length(f"{title}, {name}", points=series.get(name, ()), intervals=spans)
    paint = partial(_paint_lines, series=series, bands=shaded, x_label=x_label, y_label=y_label)
    said = [
        f"{one_line(name)}: " + ", ".join(f"{number(y)} at {number(x)}" for x, y in points if y is not None)
        for name, points in series.items()
        if any(y is not None for _, y in points)
    ]
    unknown = [f"{name} at {number(x)}" for name, points in series.items() for x, y in points if y is None]
    description = _described(f"Lines of {one_line(y_label)} by {one_line(x_label)}", said, unknown)
    return Figure(title=title, svg=drawn(paint, width=_WIDTH, height=4.2), description=description)


def _paint_bars(canvas: Canvas, *, rows: Sequence[_Bar], value_label: str, baseline: float | None) -> None:
    axes = canvas.add_subplot()
    if not rows:
        _nothing(axes)
        return
    places = list(range(len(rows)))
    axes.barh(places, [row.value for row in rows], height=0.62, color=COLOURS[0])
    for place, row in zip(places, rows, strict=True):
        if row.interval is not None:
            reach = [[row.value - row.interval.low], [row.interval.high - row.value]]
            axes.errorbar([row.value], [place], xerr=reach, fmt="none", ecolor=INK, elinewidth=1.3, capsize=3)
        edge = max(0.0, row.value, row.interval.high if row.interval else row.value)
        axes.annotate(number(row.value), (edge, place), (5, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(places, [shortened(row.label, _LABEL) for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    if baseline is not None:
        axes.axvline(baseline, color=COLOURS[1], linestyle="--", linewidth=1.3)
    axes.set_xlabel(one_line(value_label))
    _open(axes, grid="x")


def _paint_radar(
    canvas: Canvas, *, axes: Sequence[str], series: Mapping[str, Sequence[float | None]], low: float, high: float
) -> None:
    names = [textwrap.fill(shortened(axis, _LABEL), _AXIS_LINE) for axis in axes]
    angles = [2 * math.pi * index / len(axes) for index in range(len(axes))]
    canvas.set_layout_engine("none")
    place = _radar_place(canvas, names, angles, legend_rows=math.ceil(len(series) / 2) if len(series) > 1 else 0)
    polar: PolarAxes = canvas.add_axes(place, projection="polar")  # type: ignore[assignment]
    polar.set_theta_zero_location("N")
    polar.set_theta_direction(-1)
    polar.set_ylim(low, high)
    polar.set_xticks(angles, [""] * len(axes))
    for name, angle in zip(names, angles, strict=True):
        _name_axis(polar, name, angle, high)
    for index, (name, values) in enumerate(series.items()):
        ring = [math.nan if value is None else value for value in values]
        polar.plot(
            [*angles, angles[0]], [*ring, ring[0]], label=shortened(name, _LABEL), markersize=4.5, **_style(index)
        )
    polar.set_rlabel_position(180 / len(axes))
    _legend(canvas, polar, list(series), loc="lower center")


def _radar_place(
    canvas: Canvas, names: Sequence[str], angles: Sequence[float], *, legend_rows: int
) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height of the largest circle that leaves room for all names, in canvas shares.

    matplotlib's own layout takes the names for centred, and cuts the long ones off.
    """
    width, height = (_POINTS * inches for inches in canvas.get_size_inches())
    legend = _LEGEND_ROW * (legend_rows + 1) if legend_rows else 0.0
    middle = legend + (height - legend) / 2
    radius = (height - legend) / 2
    for name, angle in zip(names, angles, strict=True):
        lines_of = name.splitlines() or [""]
        right, up = abs(math.sin(angle)), abs(math.cos(angle))
        beside = width / 2 - _FROM_RIM - max(map(_text_width, lines_of))
        above = (height - legend) / 2 - _FROM_RIM - _LINE * len(lines_of)
        radius = min(radius, beside / max(right, _TINY), above / max(up, _TINY))
    radius = max(radius, height / 8)
    return (width / 2 - radius) / width, (middle - radius) / height, 2 * radius / width, 2 * radius / height


def _text_width(text: str) -> float:
    """Return the points that a text takes at most in usual fonts."""
    return sum(_FONT_SIZE * (1.0 if unicodedata.east_asian_width(letter) in "WF" else 0.64) for letter in text)


def _name_axis(polar: PolarAxes, name: str, angle: float, rim: float) -> None:
    """Write a name outside the rim, on its own side."""
    right, up = round(math.sin(angle), 6), round(math.cos(angle), 6)
    polar.annotate(
        name,
        (angle, rim),
        (_FROM_RIM * right, _FROM_RIM * up),
        textcoords="offset points",
        ha="center" if right == 0 else "left" if right > 0 else "right",
        va="bottom" if up == 1 else "top" if up == -1 else "center",
        color=QUIET,
    )


def _paint_scatter(
    canvas: Canvas, *, points: Sequence[tuple[str, float, float]], front: Sequence[int], x_label: str, y_label: str
) -> None:
    axes = canvas.add_subplot()
    if not points:
        _nothing(axes)
        return
    beaten = [point for index, point in enumerate(points) if index not in front]
    best = [points[index] for index in front]
    axes.scatter(
        [x for _, x, _ in beaten], [y for _, _, y in beaten], color=QUIET, marker="o", label="beaten by another"
    )
    axes.plot(
        [x for _, x, _ in best],
        [y for _, _, y in best],
        color=COLOURS[1],
        marker="D",
        linewidth=1.3,
        label="Pareto front: nothing is cheaper and as good",
    )
    for name, x, y in points:
        axes.annotate(shortened(name, _LABEL // 2), (x, y), (6, 5), textcoords="offset points", fontsize=9)
    logarithmic = _is_wide([x for _, x, _ in points])
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: number(value))
        axes.xaxis.set_minor_formatter("")
    axes.set_xlabel(f"{one_line(x_label)}{' (logarithmic)' if logarithmic else ''}")
    axes.set_ylabel(one_line(y_label))
    axes.margins(0.12)
    _open(axes, grid="both")
    _legend(canvas, axes, ["beaten", "front"])


def _paint_lines(
    canvas: Canvas,
    *,
    series: Mapping[str, Sequence[tuple[float, float | None]]],
    bands: Mapping[str, Sequence[Interval | None]],
    x_label: str,
    y_label: str,
) -> None:
    axes = canvas.add_subplot()
    if not any(y is not None for points in series.values() for _, y in points):
        _nothing(axes)
        return
    for index, (name, points) in enumerate(series.items()):
        xs = [x for x, _ in points]
        ys = [math.nan if y is None else y for _, y in points]
        axes.plot(xs, ys, label=shortened(name, _LABEL), markersize=5, **_style(index))
        if spans := bands.get(name):
            lows = [math.nan if span is None else span.low for span in spans]
            highs = [math.nan if span is None else span.high for span in spans]
            axes.fill_between(xs, lows, highs, color=COLOURS[index % len(COLOURS)], alpha=0.15, linewidth=0)
    if all(float(x).is_integer() for points in series.values() for x, _ in points):
        from matplotlib.ticker import MaxNLocator

        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(one_line(x_label))
    axes.set_ylabel(one_line(y_label))
    _open(axes, grid="both")
    _legend(canvas, axes, list(series))


def _style(index: int) -> dict[str, Any]:
    """Return how the series of an index is drawn; no two of the first eight look alike, with colours or without."""
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)], "linewidth": 1.6}


def _legend(canvas: Canvas, axes: Axes, names: Sequence[str], *, loc: _Corner = "outside lower center") -> None:
    if len(names) > 1:
        canvas.legend(*axes.get_legend_handles_labels(), loc=loc, ncols=2, frameon=False, fontsize=9)


def _open(axes: Axes, *, grid: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(visible=True, axis=grid, linewidth=0.7)  # type: ignore[arg-type]


def _nothing(axes: Axes) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, "No value is known.", ha="center", va="center", color=QUIET)


def _is_wide(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) > _WIDE_RANGE


def _of(label: str) -> str:
    return f" of {one_line(label)}" if label.strip() else ""


def _span(interval: Interval | None) -> str:
    return "" if interval is None else f" ({number(interval.low)} to {number(interval.high)})"


def _described(kind: str, said: Sequence[str], unknown: Iterable[str]) -> str:
    missing = ", ".join(one_line(name) for name in unknown)
    drawn_values = "; ".join(said) if said else "no value is known"
    return f"{kind}: {drawn_values}.{f' Unknown and left out: {missing}.' if missing else ''}"


def _same_length(title: str, **columns: Sequence[object]) -> None:
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{size} {name}" for name, size in sizes.items())
        msg = f"figure {title!r}: there must be as many of each; got {found}"
        raise ConfigurationError(msg)
