"""The project's Markdown as its readers on GitHub have it: links, headings and the files they name."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (
    *sorted(ROOT.glob("*.md")),
    *sorted(DOCS.rglob("*.md")),
    *sorted((ROOT / "examples").glob("*.md")),
    *sorted((ROOT / "notebooks").glob("*.ipynb")),
)
_PARSER = MarkdownIt("commonmark").enable("table")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


class Link(NamedTuple):
    """One relative link, or picture, of a page."""

    page: Path
    path: str
    anchor: str

    @property
    def target(self) -> Path:
        """The file it leads to; the page itself where it names none."""
        return self.page.parent / self.path if self.path else self.page


def links_of(page: Path) -> Iterator[Link]:
    """Find the links of a page that lead to files of this project."""
    for token in _inline(text_of(page)):
        address = token.attrGet("href") if token.type == "link_open" else token.attrGet("src")
        if isinstance(address, str) and ":" not in address:
            path, _, anchor = address.partition("#")
            yield Link(page, path, anchor)


@cache
def anchors_of(page: Path) -> frozenset[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    tokens = _PARSER.parse(text_of(page))
    found: set[str] = set()
    for heading, content in itertools.pairwise(tokens):
        if heading.type == "heading_open":
            shown = "".join(child.content for child in content.children or ())
            anchor = _NOT_IN_ANCHORS.sub("", shown.lower()).replace(" ", "-")
            taken = sum(1 for other in found if re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", other))
            found.add(f"{anchor}-{taken}" if taken else anchor)
    return frozenset(found)


def text_of(page: Path) -> str:
    """Return the Markdown of a page, or of all Markdown cells of a notebook."""
    written = page.read_text(encoding="utf-8")
    if page.suffix != ".ipynb":
        return written
    cells = json.loads(written)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def _inline(text: str) -> Iterator[Token]:
    for token in _PARSER.parse(text):
        yield from token.children or ()
