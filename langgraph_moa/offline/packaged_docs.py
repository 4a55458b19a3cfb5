"""The documentation that comes with the package: what offline readers read when they are given nothing else."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from langgraph_moa.prompts import Document


@cache
def packaged_documents() -> tuple[Document, ...]:
    """Read the pages, sorted by name; none in an installation without them."""
    return read_pages(files("langgraph_moa"))


def read_pages(package: Traversable) -> tuple[Document, ...]:
    """Read the pages of an installed package, which are its `handbook`, or of a checkout, where they are beside it.

    Args:
        package: The folder of `langgraph_moa`, which may stand in an archive.
    """
    checkout = [package.parent / "docs"] if isinstance(package, Path) else []
    folder = next((folder for folder in (package / "handbook", *checkout) if folder.is_dir()), None)
    pages = [page for page in folder.iterdir() if page.name.endswith(".md")] if folder else []
    return tuple(
        Document(page.name, page.read_text(encoding="utf-8")) for page in sorted(pages, key=lambda page: page.name)
    )
