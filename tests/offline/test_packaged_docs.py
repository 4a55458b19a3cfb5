"""The documentation that comes with the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_moa.offline.packaged_docs import packaged_documents, read_pages
from langgraph_moa.prompts import Document


def test_pages() -> None:
    """The pages are there, sorted by name, and hold text."""
    documents = packaged_documents()
    names = [document.name for document in documents]
    assert names == sorted(names)
    assert {"concepts.md", "failures.md", "offline.md"} <= set(names)
    assert all(document.text.strip() for document in documents)


@pytest.mark.parametrize(
    ("folders", "text"),
    [
        pytest.param(["package/handbook", "docs"], "package/handbook", id="installed"),
        pytest.param(["package", "docs"], "docs", id="checkout"),
        pytest.param(["package"], None, id="neither"),
    ],
)
def test_places(tmp_path: Path, folders: list[str], text: str | None) -> None:
    """The handbook comes before the checkout's docs; only Markdown right in it is read; there may be none."""
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "page.md").write_text(folder, encoding="utf-8")
        (tmp_path / folder / "picture.svg").write_text("<svg/>", encoding="utf-8")
        (tmp_path / folder / "more").mkdir()
    assert read_pages(tmp_path / "package") == ((Document("page.md", text),) if text else ())
