"""Claims about what the Markdown of the project names: files, headings and tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.markdown import DOCS, PAGES, ROOT, anchors_of, links_of, text_of

_NAMED_TEST = re.compile(r"\btests/[\w/]+(?:\.py)?(?:::\w+)?")


def named(page: Path) -> str:
    """Return how a page is called in the list of tests."""
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link and picture of a page is a file of this project, and its anchor a heading there."""
    dead = [
        f"{link.path}#{link.anchor}"
        for link in links_of(page)
        if not link.target.exists() or (link.anchor and link.anchor not in anchors_of(link.target))
    ]
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_tests_that_a_page_names_are_there(page: Path) -> None:
    """Whoever follows a page to the test of a claim finds it: the file or folder, and the function in it."""
    for test in set(_NAMED_TEST.findall(text_of(page))):
        path, _, function = test.partition("::")
        assert (ROOT / path).exists(), test
        assert not function or f"def {function}(" in (ROOT / path).read_text(encoding="utf-8"), test


@pytest.mark.parametrize(
    "recipe",
    [
        "guides/rate_limits.md",
        "recipes/agents.md",
        "recipes/retrieval.md",
        "recipes/memory.md",
        "recipes/review.md",
        "recipes/costs.md",
        "recipes/serving.md",
        "recipes/local_models.md",
        "recipes/dask.md",
    ],
)
def test_the_index_of_recipes_leads_to_each(recipe: str) -> None:
    """What people look for first stands in the contents: limits, tools, retrieval, memory, budgets and more."""
    contents = (DOCS / "index.rst").read_text(encoding="utf-8")
    page = recipe.removesuffix(".md")
    assert (DOCS / recipe).exists()
    assert page in contents or f"{page.partition('/')[0]}/*" in contents
