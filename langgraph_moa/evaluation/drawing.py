"""From matplotlib's canvas to an `<svg>` element that says the same on every machine and loads nothing.

Text stays text, so that it can be selected, searched and read aloud. Nothing of the user's own matplotlib settings has
a say, and none of the process's is left changed.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from xml.etree import ElementTree as ET

from langgraph_moa.extras import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

INK, QUIET, GRID = "#1a1a1a", "#595959", "#d9d9d9"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666", "#000000")
"""Told apart also by readers who do not see all colours (Okabe and Ito 2008), the strongest on white first."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""So that a series is known without its colour."""
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "langgraph-moa",
    "text.parse_math": False,
    "font.family": ["sans-serif"],
    "font.size": 11,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.unicode_minus": True,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "grid.color": GRID,
    "figure.facecolor": "white",
    "figure.edgecolor": "white",
}
_drawing = threading.RLock()


def drawn(paint: Callable[[Canvas], None], *, width: float, height: float) -> str:
    """Return what `paint` puts on an empty canvas, as an `<svg>` element.

    Args:
        paint: Called once, with the canvas.
        width: Inches; 1 is 72 units of the drawing.
        height: Inches.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    require("matplotlib", extra="eval")
    from matplotlib.figure import Figure as Canvas

    written = io.StringIO()
    with _settings():
        canvas = Canvas(figsize=(width, height), layout="constrained")
        paint(canvas)
        canvas.savefig(written, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _plain(written.getvalue())


@contextmanager
def _settings() -> Iterator[None]:
    """Hold matplotlib's settings, which are the process's, at its defaults and ours."""
    import matplotlib as mpl

    defaults = {name: value for name, value in mpl.rcParamsDefault.items() if not name.startswith(("backend", "date."))}
    with _drawing, warnings.catch_warnings(), mpl.rc_context():
        warnings.simplefilter("ignore")  # of letters that its fonts lack: the reader's fonts draw the text
        mpl.rcParams.update(cast("Any", defaults | _SETTINGS))
        yield


def _plain(written: str) -> str:
    """Take out what is for files alone: prologue, metadata, comments, and the style rule that a page would obey too."""
    root = ET.fromstring(re.sub(r"<!DOCTYPE[^>]*>", "", written, count=1))  # noqa: S314 - matplotlib wrote it
    for parent in list(root.iter()):
        for child in list(parent):
            if _name(child) in ("metadata", "style"):
                parent.remove(child)
        if _XLINK in parent.attrib:
            parent.set("href", parent.attrib.pop(_XLINK))
        parent.tag = _name(parent)
    root.set("xmlns", _SVG)
    root.set("style", "stroke-linejoin:round;stroke-linecap:butt")
    return ET.tostring(root, encoding="unicode")


def _name(element: ET.Element) -> str:
    tag: Any = element.tag
    return str(tag).rpartition("}")[2]
