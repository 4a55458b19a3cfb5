"""Claims about the docs as pages."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import langgraph_moa
from langgraph_moa import notebook, playground, record, serving, strategies, testing
from tests.docs.markdown import DOCS, ROOT

MODULES = (langgraph_moa, notebook, playground, record, serving, strategies, testing)
"""Those that say by `__all__` what is public."""
_LOADED = {"script": "src", "img": "src", "source": "src", "iframe": "src", "object": "data", "link": "href"}
_STYLE_ADDRESS = re.compile(r"(?:url\(|@import)\s*['\"]?\s*((?:https?:)?//[^'\")\s]+)")


class Page(HTMLParser):
    """What a page loads, and where it leads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an address."""
        given = dict(attrs)
        if tag in _LOADED and (address := given.get(_LOADED[tag])):
            self.loads.append(address)
        if tag == "a" and (address := given.get("href")):
            self.leads.append(address)


def missing_files(pages: Mapping[Path, Page]) -> Iterator[str]:
    """Tell what pages load or lead to that is not among them."""
    for path, page in pages.items():
        for address in page.loads + page.leads:
            parts = urlsplit(address)
            if not parts.scheme and parts.path and not (path.parent / unquote(parts.path)).exists():
                yield f"{path.name}: {address}"


def test_the_pages_are_built(tmp_path: Path) -> None:
    """`make docs` warns of nothing, every page and public name is in it, and no page loads anything from elsewhere."""
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-b", "html"]
    built = tmp_path / "pages"
    done = subprocess.run(
        [*command, "-D", "toc_object_entries=0", "-d", tmp_path / "read", DOCS, built],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    pages = {path: Page(path) for path in built.rglob("*.html")}
    names = {str(path.relative_to(built).with_suffix("")) for path in pages}
    assert names >= {str(page.relative_to(DOCS).with_suffix("")) for page in DOCS.rglob("*.md")}
    reference = "".join(path.read_text(encoding="utf-8") for path in (built / "reference").glob("*.html"))
    public = [f"{module.__name__}.{name}" for module in MODULES for name in module.__all__]
    assert [name for name in public if not is_documented(name, reference)] == ["langgraph_moa.__version__"]

    loaded = [address for page in pages.values() for address in page.loads]
    assert [address for address in loaded if urlsplit(address).netloc] == []
    styles = [style.read_text(encoding="utf-8") for style in built.rglob("*.css")]
    assert [address for style in styles for address in _STYLE_ADDRESS.findall(style)] == []
    assert list(missing_files(pages)) == []


def is_documented(name: str, reference: str) -> bool:
    """Say whether a public name has an entry of its own, under the package that exports it or a module of it."""
    package, _, last = name.rpartition(".")
    return re.search(rf'id="{re.escape(package)}(\.\w+)*\.{last}"', reference) is not None
