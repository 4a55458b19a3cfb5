"""Figures as `<svg>` elements."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.figures import Point, bars, lines, radar, scatter
from langgraph_moa.evaluation.intervals import Interval
from langgraph_moa.evaluation.reports import Figure

SKILLS = [f"skill {index}" for index in range(12)]
MAKERS: dict[str, Callable[[], Figure]] = {
    "bars": lambda: bars("T", ["a", "b"], [0.5, None], intervals=[Interval(0.4, 0.6), None], baseline=0.25),
    "radar": lambda: radar("T", SKILLS, {"one": [4.0] * 12, "two": [None, *[3.5] * 11]}, low=1, high=5),
    "scatter": lambda: scatter(
        "T", [Point("a", 1, 0.5), Point("b", 2, 0.4), Point("c", 3, 0.9), Point("d", None, 1)], x_label="$", y_label="%"
    ),
    "lines": lambda: lines(
        "T",
        {"one": [(1, 0.5), (2, None), (3, 0.7)], "two": [(1, 0.4), (3, 0.4)]},
        x_label="n",
        y_label="%",
        bands={"two": [None, Interval(0.3, 0.5)]},
    ),
}
every_kind = pytest.mark.parametrize("kind", MAKERS)


@functools.cache
def figure_of(kind: str) -> Figure:
    """Draw a figure of a kind once."""
    return MAKERS[kind]()


def elements(figure: Figure) -> list[ET.Element]:
    """Return every element of a figure, its root first."""
    return list(ET.fromstring(figure.svg).iter())  # noqa: S314 - of our own making


def texts(figure: Figure) -> list[str]:
    """Return what is written in a figure."""
    return [element.text or "" for element in elements(figure) if element.tag.endswith("}text")]


DRAW = "figures.scatter('T', [figures.Point('a', 1, 2), figures.Point('b', 2, 3)], x_label='x', y_label='y')"


@pytest.fixture(scope="module")
def elsewhere() -> tuple[str, str]:
    """Return what another process draws, and whether it has loaded pyplot."""
    code = (
        f"import sys; from langgraph_moa.evaluation import figures; print({DRAW}.svg,"
        "'matplotlib.pyplot' in sys.modules, sep='\\0', end='')"
    )
    drawn, _, pyplot = subprocess.check_output([sys.executable, "-c", code], text=True).partition("\0")
    return drawn, pyplot


@every_kind
def test_a_figure_is_one_svg_element(kind: str) -> None:
    """It is well-formed, its root is `svg` with a view box, and nothing stands before it."""
    figure = figure_of(kind)
    assert figure.svg.startswith("<svg ")
    assert elements(figure)[0].get("viewBox")


@every_kind
def test_a_figure_loads_nothing(kind: str) -> None:
    """No address but the name of the SVG language is in it, every link stays within it, and it holds no style rules."""
    svg = figure_of(kind).svg
    assert re.findall(r"https?://[^\"]*", svg) == ["http://www.w3.org/2000/svg"]
    assert all(link.startswith("#") for link in re.findall(r'href="([^"]*)"', svg))
    assert all(link.startswith("#") for link in re.findall(r"url\(([^)]*)\)", svg))
    assert not re.search(r"<(style|script|image|metadata|!--)", svg)


@every_kind
def test_the_same_figure_is_the_same_text(kind: str) -> None:
    """Drawn twice, a figure is equal to the last letter."""
    assert MAKERS[kind]() == figure_of(kind)


def test_another_process_draws_the_same(elsewhere: tuple[str, str]) -> None:
    """A process of its own draws the same letters: neither time nor hash seed has a say."""
    points = [Point("a", 1, 2), Point("b", 2, 3)]
    assert elsewhere[0] == scatter("T", points, x_label="x", y_label="y").svg


def test_settings_of_the_process_neither_count_nor_change() -> None:
    """A user's own matplotlib settings leave a figure as it is, and are as they were afterwards."""
    import matplotlib as mpl

    plain = figure_of("bars").svg
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.fonttype": "path"}):
        assert MAKERS["bars"]().svg == plain
        assert (mpl.rcParams["font.size"], mpl.rcParams["svg.fonttype"]) == (30, "path")


def test_no_display_and_no_global_figure(elsewhere: tuple[str, str]) -> None:
    """Drawing loads no pyplot, which would keep figures and look for a display."""
    assert elsewhere[1] == "False"


def test_threads_draw_side_by_side() -> None:
    """Figures drawn in four threads at once are those drawn one after another."""
    kinds = ["bars", "lines"] * 2
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda kind: MAKERS[kind](), kinds)) == [figure_of(kind) for kind in kinds]


@pytest.mark.parametrize("kind", ["bars", "radar", "scatter", "lines"])
def test_what_is_unknown_is_told(kind: str) -> None:
    """The description names what was left out, and holds the values that are drawn."""
    description = figure_of(kind).description
    unknown = {"bars": "b", "radar": "two, skill 0", "scatter": "d", "lines": "one at 2"}[kind]
    assert description.endswith(f"Unknown and left out: {unknown}.")
    assert {"bars": "a 0.5 (0.4 to 0.6)", "radar": "skill 3 3.5", "scatter": "c at 3, 0.9", "lines": "0.7 at 3"}[
        kind
    ] in description


def test_an_unknown_bar_is_not_drawn() -> None:
    """A bar without a value has neither a place nor a label."""
    assert texts(bars("T", ["known", "unknown"], [1.0, None]))[-2:] == ["known", "1"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: bars("T", ["a"], [None]),
        lambda: bars("T", [], []),
        lambda: scatter("T", [], x_label="x", y_label="y"),
        lambda: lines("T", {"a": [(1, None)]}, x_label="x", y_label="y"),
    ],
    ids=["bars", "no-bars", "scatter", "lines"],
)
def test_with_no_value_the_figure_says_so(draw: Callable[[], Figure]) -> None:
    """A figure of nothing says that no value is known, in it and in its description."""
    figure = draw()
    assert texts(figure) == ["No value is known."]
    assert "no value is known" in figure.description


def test_a_radar_of_unknown_values_is_drawn() -> None:
    """With every value unknown, the axes are there and the description says that no value is known."""
    figure = radar("T", SKILLS, {"one": [None] * 12})
    assert set(SKILLS) <= set(texts(figure))
    assert "no value is known" in figure.description


def test_the_front_is_marked() -> None:
    """Points that nothing beats are named as the Pareto front, and no others."""
    description = figure_of("scatter").description
    assert "a at 1, 0.5 (on the Pareto front)" in description
    assert "b at 2, 0.4;" in description
    assert any("Pareto front" in text for text in texts(figure_of("scatter")))


def test_costs_that_differ_widely_stand_on_a_logarithmic_axis() -> None:
    """From a thousandth to one dollar, the axis is logarithmic, says so, and writes plain numbers."""
    figure = scatter("T", [Point("a", 0.001, 1), Point("b", 1, 2)], x_label="$", y_label="y")
    assert "$ (logarithmic)" in texts(figure)
    assert {"0.001", "0.01", "0.1", "1"} <= set(texts(figure))


def test_whole_numbers_get_whole_ticks() -> None:
    """The number of proposers has no ticks between the whole ones."""
    figure = lines("T", {"a": [(1, 0.25), (2, 0.75)]}, x_label="n", y_label="y")
    assert "1.5" not in texts(figure)


@settings(max_examples=5, deadline=None)
@given(st.text(max_size=60))
def test_any_name_is_text(name: str) -> None:
    """Whatever a model is called, the figure is well-formed, draws without a warning, and keeps it as text."""
    figure = bars(name, [name], [1.0], value_label=name)
    assert not {"script", "b"} & {element.tag.rpartition("}")[2] for element in elements(figure)}


@pytest.mark.parametrize(
    "name", ["</text><script>alert(1)</script>", "$x$ ]]> &amp;", "\u202egnp.exe", "漢字 🙂", "\ud800"]
)
def test_a_hostile_name_stays_a_label(name: str) -> None:
    """Tags, math, a turned direction, letters without a glyph and half characters make no element of their own."""
    figure = lines("T", {name: [(1, 1.0), (2, 2.0)], "b": [(1, 1.0)]}, x_label="x", y_label="y")
    assert "<script" not in figure.svg
    assert "\u202e" not in figure.svg + figure.description
    label = name.replace("\u202e", "").replace("\ud800", "\ufffd")
    assert label in texts(figure)


def test_long_names_are_cut_in_the_drawing_alone() -> None:
    """Beside the axis a name ends in an ellipsis; the description has it whole."""
    name = "m" * 90
    figure = bars("T", [name], [1.0])
    assert "m" * 39 + "…" in texts(figure)
    assert name in figure.description


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: bars("T", ["a"], [1.0, 2.0]),
        lambda: bars("T", ["a"], [1.0], intervals=[]),
        lambda: radar("T", SKILLS, {"one": [1.0]}),
        lambda: radar("T", ["a", "b"], {"one": [1.0, 2.0]}),
        lambda: lines("T", {"a": [(1, 1.0)]}, x_label="x", y_label="y", bands={"a": []}),
        lambda: lines("T", {"a": [(1, 1.0)]}, x_label="x", y_label="y", bands={"other": [None]}),
    ],
)
def test_values_that_do_not_fit_are_refused(wrong: Callable[[], Figure]) -> None:
    """As many labels, intervals or axes as values: otherwise the error names the figure."""
    with pytest.raises(ConfigurationError, match="figure 'T"):
        wrong()


def test_names_around_a_radar_are_whole() -> None:
    """Every name beside a circle stands within the drawing, at the width that it has in a broad font."""
    names = ["Robustness", "Commonsense Understanding", "Metacognition", "Readability", "\u6f22" * 14, "x" * 90]
    figure = radar("T", names * 2, {"one": [4.0] * 12, "two": [3.0] * 12}, low=1, high=5)
    canvas = ET.fromstring(figure.svg)  # noqa: S314 - drawn just now
    width = float(canvas.get("viewBox", "").split()[2])
    for text in canvas.iter("{http://www.w3.org/2000/svg}text"):
        said = text.text or ""
        (anchor,) = re.findall(r"text-anchor: (\w+)", text.get("style", "")) or ["start"]
        (x,) = re.findall(r"translate\(([\d.-]+)", text.get("transform", "")) or [text.get("x", "nan")]
        size = sum(11 if letter > "\u2e80" else 6.8 for letter in said)
        begin = float(x) - size * {"start": 0, "middle": 0.5, "end": 1}[anchor]
        assert begin >= 0, said
        assert begin + size <= width, said
