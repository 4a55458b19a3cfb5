"""A mixture drawn as SVG: layers side by side, a box for every proposer. Pure, and shown with no network."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

_BOX_WIDTH, _BOX_HEIGHT, _GAP = 260, 46, 10
_JOIN_WIDTH = 58
_WAY = 54
"""Between two stages, for the edges."""
_FRAME = 12
"""Between a layer's boxes and its frame."""
_HEADING = 24
_MARGIN = 16
_MOST_ROWS = 16
"""A layer with more proposers is folded into columns, and its edges lead to its frame."""
_NAME_ROOM, _MODEL_ROOM = 30, 36
"""Letters that fit into a box."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LIGHT = {"sheet": "#ffffff", "frame": "#f3f5f9", "box": "#ffffff", "ink": "#1b1f24", "quiet": "#57606a"}
_DARK = {"sheet": "#161b22", "frame": "#1f2630", "box": "#161b22", "ink": "#e6edf3", "quiet": "#9da7b3"}
_DARK_PAGES = ('[data-jp-theme-light="false"]', ".vscode-dark")
"""How JupyterLab and VS Code mark a page whose theme is dark, whatever the system's is."""


class Box(NamedTuple):
    """A node that asks a model."""

    name: str
    model: str


class DrawnLayer(NamedTuple):
    """Proposers side by side, and the join behind them."""

    proposers: Sequence[Box]
    merger: str | None = None
    """The model of the layer's own aggregator; `None`: the join asks nobody."""
    may_be_last: bool = False
    """Whether a budget or an agreement can lead past the layers that follow."""


class Diagram(NamedTuple):
    """What is drawn, from left to right."""

    title: str
    layers: Sequence[DrawnLayer]
    aggregator: Box | None

    def description(self) -> str:
        """Say in words what is drawn, for readers who do not see it."""
        layers = [_in_words(number, layer) for number, layer in enumerate(self.layers, start=1)]
        end = [] if self.aggregator is None else [f"The aggregator is {self.aggregator.model}."]
        return " ".join([*layers, *end])


class _Place(NamedTuple):
    """A stage with the space that it takes."""

    left: float
    width: float
    height: float
    layer: DrawnLayer | None
    """`None`: a single box."""
    box: Box | None
    number: int | None
    """Of the layer; `None`: of no layer."""

    @property
    def right(self) -> float:
        return self.left + self.width


def svg(diagram: Diagram) -> str:
    """Return an `<svg>` element that loads nothing; its size is in CSS pixels, and names that are too long are cut."""
    places = _placed(diagram)
    width = (places[-1].right if places else 0) + 2 * _MARGIN
    height = max((place.height for place in places), default=_BOX_HEIGHT) + 2 * _MARGIN + _arc_room(diagram)
    middle = (height + _arc_room(diagram)) / 2
    parts = [
        f'<rect width="{width:g}" height="{height:g}" rx="8" class="sheet" fill="{_LIGHT["sheet"]}"/>',
        *_frames(places, middle),
        *_edges(places, middle),
        *_arcs(places, middle),
        *(part for place in places for part in _stage(place, middle)),
    ]
    key = hashlib.sha256(repr(diagram).encode("utf-8", "backslashreplace")).hexdigest()[:12]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" role="img" aria-labelledby="moa-{key}-title moa-{key}-words" '
        f'class="moa-diagram" font-family="system-ui, sans-serif">'
        f'<title id="moa-{key}-title">{_safe(f"Mixture {diagram.title}")}</title>'
        f'<desc id="moa-{key}-words">{_safe(diagram.description())}</desc>'
        f"<style>{_style()}</style>{''.join(parts)}</svg>"
    )


def html(diagram: Diagram) -> str:
    """Return the drawing for a page, which scrolls where it is wider than the page: letters keep their size."""
    return f'<div style="overflow-x:auto;max-width:100%">{svg(diagram)}</div>'


def _in_words(number: int, layer: DrawnLayer) -> str:
    names = ", ".join(f"{box.name} ({box.model})" for box in layer.proposers)
    merged = "" if layer.merger is None else f" Its proposals are merged by {layer.merger}."
    last = " The layers that follow may be left out." if layer.may_be_last else ""
    return f"Layer {number}: {names}.{merged}{last}"


def _placed(diagram: Diagram) -> list[_Place]:
    """Put every stage to the right of the one before."""
    places: list[_Place] = []
    left: float = _MARGIN
    for number, layer in enumerate(diagram.layers, start=1):
        columns, rows = _folded(len(layer.proposers))
        width = columns * (_BOX_WIDTH + _GAP) - _GAP + 2 * _FRAME
        height = rows * (_BOX_HEIGHT + _GAP) - _GAP + 2 * _FRAME + _HEADING
        places.append(_Place(left, width, height, layer, None, number))
        joint = Box("join", layer.merger or "")
        join_width = _JOIN_WIDTH if layer.merger is None else _BOX_WIDTH
        places.append(_Place(places[-1].right + _WAY, join_width, _BOX_HEIGHT, None, joint, number))
        left = places[-1].right + _WAY
    if diagram.aggregator is not None:
        places.append(_Place(left, _BOX_WIDTH, _BOX_HEIGHT, None, diagram.aggregator, None))
    return places


def _folded(count: int) -> tuple[int, int]:
    """Return columns and rows of a layer."""
    columns = max(1, -(-count // _MOST_ROWS))
    return columns, -(-count // columns)


def _boxes(place: _Place, middle: float) -> Iterator[tuple[Box, float, float]]:
    """Yield each box of a stage with its left and its top."""
    if place.layer is None:
        if place.box is not None:
            yield place.box, place.left, middle - _BOX_HEIGHT / 2
        return
    _, rows = _folded(len(place.layer.proposers))
    top = middle - place.height / 2 + _HEADING + _FRAME
    for position, box in enumerate(place.layer.proposers):
        column, row = divmod(position, rows)
        yield box, place.left + _FRAME + column * (_BOX_WIDTH + _GAP), top + row * (_BOX_HEIGHT + _GAP)


def _frames(places: Sequence[_Place], middle: float) -> Iterator[str]:
    for place in places:
        if place.layer is not None:
            count = len(place.layer.proposers)
            heading = f"layer {place.number} · {count} proposer{'' if count == 1 else 's'}"
            top = middle - place.height / 2
            yield _rect("frame", place.left, top, place.width, place.height)
            yield _text("quiet", place.left + _FRAME, top + _HEADING - 4, heading, size=12)


def _stage(place: _Place, middle: float) -> Iterator[str]:
    for box, left, top in _boxes(place, middle):
        width = place.width if place.layer is None else _BOX_WIDTH
        told = " · ".join(part for part in box if part)
        yield f"<g><title>{_safe(told)}</title>{_rect('box', left, top, width, _BOX_HEIGHT, edge='ink')}"
        lines = [line for line in box if line]
        for number, line in enumerate(lines):
            below = 19 + 17 * number if len(lines) > 1 else 27
            look, size, room = ("ink", 13, _NAME_ROOM) if number == 0 else ("quiet", 11, _MODEL_ROOM)
            yield _text(look, left + 10, top + below, _cut(line, room), size=size)
        yield "</g>"


def _edges(places: Sequence[_Place], middle: float) -> Iterator[str]:
    """Yield an edge from every node to every node of the next stage; to and from a folded layer, a single wide one."""
    for before, after in pairwise(places):
        for start, start_y in _ends(before, middle, right=True):
            for end, end_y in _ends(after, middle, right=False):
                width = 4 if _is_folded(before) or _is_folded(after) else 1.5
                bend = (start + end) / 2
                path = f"M{start:g} {start_y:g}C{bend:g} {start_y:g} {bend:g} {end_y:g} {end:g} {end_y:g}"
                yield _line(path, width=width)


def _ends(place: _Place, middle: float, *, right: bool) -> list[tuple[float, float]]:
    """Return where edges begin or end: at a stage's nodes, at the frame where that is folded."""
    if _is_folded(place):
        return [(place.right if right else place.left, middle)]
    width = place.width if place.layer is None else _BOX_WIDTH
    return [(left + width * right, top + _BOX_HEIGHT / 2) for _, left, top in _boxes(place, middle)]


def _is_folded(place: _Place) -> bool:
    return place.layer is not None and _folded(len(place.layer.proposers))[0] > 1


def _arcs(places: Sequence[_Place], middle: float) -> Iterator[str]:
    """Yield a dashed edge for every way past the layers that follow, above them, each a little higher."""
    exits = [place for layer, place in pairwise(places) if layer.layer is not None and layer.layer.may_be_last]
    top = middle - max((place.height for place in places), default=0) / 2
    for number, place in enumerate(exits, start=1):
        start, end = place.left + place.width / 2, places[-1].left + place.width / 2
        height, foot = top - 10 * number, middle - _BOX_HEIGHT / 2
        yield _line(f"M{start:g} {foot:g}V{height:g}H{end:g}V{foot:g}", width=1.5, dashed=True)


def _arc_room(diagram: Diagram) -> float:
    exits = sum(layer.may_be_last for layer in diagram.layers)
    return 10 * exits


def _line(path: str, *, width: float, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<path d="{path}" class="edge" fill="none" stroke="{_LIGHT["quiet"]}" stroke-width="{width:g}"{dashes}/>'


def _rect(look: str, left: float, top: float, width: float, height: float, *, edge: str = "frame") -> str:
    stroke = f' stroke="{_LIGHT["quiet"]}"' if edge == "ink" else ""
    place = f'x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}"'
    return f'<rect {place} rx="6" class="{look}" fill="{_LIGHT[look]}"{stroke}/>'


def _text(look: str, left: float, base: float, text: str, *, size: int) -> str:
    place = f'x="{left:g}" y="{base:g}" font-size="{size}"'
    return f'<text {place} class="{look}" fill="{_LIGHT[look]}">{_safe(text)}</text>'


def _cut(text: str, room: int) -> str:
    """Leave out the middle of a text that takes more than `room` letters, wide ones counting twice.

    Two thirds of what is left are of its end: models of a family differ there.
    """
    if len(_beginning(text, room)) == len(text):
        return text
    head = _beginning(text, room // 3)
    tail = _beginning(text[::-1], room - room // 3 - 1)[::-1]
    return f"{head}…{tail}"


def _beginning(text: str, room: int) -> str:
    """Return as many letters as there is room for."""
    taken = 0
    for position, letter in enumerate(text):
        taken += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if taken > room:
            return text[:position]
    return text


def _safe(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _style() -> str:
    """Return the colours of dark pages; those of light ones stand at the elements, for readers that know no styles."""
    fills = {f".{look}": f"fill:{colour}" for look, colour in _DARK.items()}
    rules = {**fills, ".edge": f"stroke:{_DARK['quiet']}", ".box": f"fill:{_DARK['box']};stroke:{_DARK['quiet']}"}
    by_system = "".join(f".moa-diagram {look}{{{rule}}}" for look, rule in rules.items())
    by_page = "".join(f"{page} .moa-diagram {look}{{{rule}}}" for page in _DARK_PAGES for look, rule in rules.items())
    return f"@media (prefers-color-scheme:dark){{{by_system}}}{by_page}"
