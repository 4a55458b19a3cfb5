"""Drawings inside a page: refused when they could run or load anything, and their ids made unlike those of others."""

from __future__ import annotations

import re
from typing import NoReturn
from xml.etree import ElementTree as ET

from langgraph_moa.errors import ConfigurationError

_SHAPES = {"path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan"}
_ELEMENTS = _SHAPES | {"svg", "g", "defs", "use", "clipPath", "marker", "linearGradient", "stop", "title", "desc"}
_ADDRESS = re.compile(r"url\(\s*['\"]?(?!#)", re.IGNORECASE)
_WITHIN = re.compile(r"url\(\s*['\"]?#([^'\")\s]+)['\"]?\s*\)")


def inlined(svg: str, *, title: str, prefix: str, attributes: dict[str, str]) -> str:
    """Return an `<svg>` element that can stand in a page of several.

    Args:
        svg: As a `Figure` holds it.
        title: Of the figure, for the error.
        prefix: Put before every id and every link to one.
        attributes: Set on the element itself. Its size is left to the page.

    Raises:
        ConfigurationError: It is not well-formed, or holds what a drawing needs not: a script, a handler, a style
            sheet, an address outside it.
    """
    if "<!" in svg:
        _refuse(title, "a declaration or comment")
    try:
        root = ET.fromstring(svg)  # noqa: S314 - no declarations, so no entities
    except ET.ParseError as error:
        _refuse(title, f"what is not well-formed ({error})")
    if root.tag.rpartition("}")[2] != "svg":
        _refuse(title, f"<{root.tag}> as its root")
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        if element.tag not in _ELEMENTS:
            _refuse(title, f"<{element.tag}>")
        element.attrib = {
            name.rpartition("}")[2]: _attribute(title, name.rpartition("}")[2], value, prefix)
            for name, value in element.attrib.items()
        }
    root.attrib = {name: value for name, value in root.attrib.items() if name not in ("width", "height")} | attributes
    return ET.tostring(root, encoding="unicode")


def _attribute(title: str, name: str, value: str, prefix: str) -> str:
    if name.lower().startswith("on"):
        _refuse(title, f"the handler {name}")
    if _ADDRESS.search(value) or (name == "href" and not value.startswith("#")):
        _refuse(title, f"the address {value!r:.100}")
    if name == "id":
        return f"{prefix}{value}"
    if name == "href":
        return f"#{prefix}{value[1:]}"
    return _WITHIN.sub(lambda found: f"url(#{prefix}{found.group(1)})", value)


def _refuse(title: str, what: str) -> NoReturn:
    msg = (
        f"the drawing of figure {title!r} holds {what}: a figure must be one <svg> element that loads and runs nothing"
    )
    raise ConfigurationError(msg)
