"""A record's page in a real browser that has no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from langgraph_moa.record import RunRecord
from tests.record.records import HOSTILE, hostile_record, telling_record, wide_record
from tests.screenshots import DESKTOP, PHONE, Opened, browser, opened, shoot

__all__ = ["browser"]
PICTURE = (1120, 1180)
"""In which the question, the answer, the layers and the timeline are seen."""
Showing = Callable[..., AbstractContextManager[Opened]]
OVERLAPS = """selector => {
  const boxes = [...document.querySelectorAll(selector)].map(e => e.getBoundingClientRect()).filter(b => b.width);
  return boxes.some((a, i) => boxes.slice(i + 1).some(b =>
    a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1));
}"""
"""Says whether two of the elements cover each other."""
TALLEST_ROW = "Math.max(...[...document.querySelectorAll('.timeline tbody tr')].map(e => e.offsetHeight))"
SIZES = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])


@pytest.fixture(scope="module")
def showing(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Showing:
    """Return what opens the page of a record."""
    folder = tmp_path_factory.mktemp("records")

    @contextmanager
    def show(record: RunRecord, size: tuple[int, int] = DESKTOP, *, dark: bool = False) -> Iterator[Opened]:
        path: Path = folder / "record.html"
        path.write_text(record.to_html(), encoding="utf-8")
        with opened(browser, path.as_uri(), size, dark=dark) as page:
            yield page

    return show


@pytest.mark.parametrize(
    ("name", "size", "dark"),
    [("record", PICTURE, False), ("record-dark", PICTURE, True), ("record-phone", (PHONE[0], 1400), False)],
)
def test_a_record_is_seen(showing: Showing, name: str, size: tuple[int, int], *, dark: bool) -> None:
    """A page asks for nothing but itself, shows every layer beside the next and every call, and follows the scheme."""
    with showing(telling_record(), size, dark=dark) as (page, requests, complaints):
        assert len(requests) == 1
        assert complaints == []
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
        assert (sum(paper) < 300) is dark
        columns = [_box(page, f".column:nth-child({number})") for number in (1, 2, 3)]
        starts = [(column["x"], column["y"])[size[0] == PHONE[0]] for column in columns]
        assert starts == sorted(set(starts))
        assert page.locator(".timeline tbody .bar").count() == 11
        shoot(page, name)


@SIZES
@pytest.mark.parametrize("record", [wide_record(), hostile_record()], ids=["wide", "hostile"])
def test_nothing_covers_anything(showing: Showing, record: RunRecord, size: tuple[int, int]) -> None:
    """Sixty-four proposers, or names without end, leave the page as wide as the screen, and no two boxes overlap."""
    with showing(record, size) as (page, _, complaints):
        assert complaints == []
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        for selector in (".seat", ".chip", ".timeline tbody tr > *", ".timeline tbody .bar"):
            assert not page.evaluate(OVERLAPS, selector), selector


@SIZES
def test_sixty_four_proposers_are_legible(showing: Showing, size: tuple[int, int]) -> None:
    """Each of many proposers has a row of the timeline that is low, and letters that are not tiny."""
    with showing(wide_record(), size) as (page, _, __):
        assert page.locator(".timeline tbody tr").count() == 67
        assert page.evaluate(TALLEST_ROW) <= 24
        for selector in (".timeline td", ".chip", ".seat dd", ".seat .model"):
            assert page.locator(selector).first.evaluate("e => parseFloat(getComputedStyle(e).fontSize)") >= 11
        heights = page.evaluate("[...document.querySelectorAll('.seat')].map(e => e.offsetHeight)")
        assert max(heights[:64]) < 260


def test_a_hostile_text_is_read_as_it_is(showing: Showing) -> None:
    """Tags in what models say make no element, and the text stands there."""
    with showing(hostile_record()) as (page, requests, complaints):
        assert (len(requests), complaints) == (1, [])
        assert page.locator("script, img, iframe, form").count() == 0
        answer = page.get_by_role("region", name="Answer", exact=True).last.inner_text()
        assert answer.startswith(HOSTILE[:40])


def test_it_is_read_aloud_and_by_keyboard(showing: Showing) -> None:
    """Sections have names, a call is found in the table by its row, and the keyboard opens what a seat was asked."""
    with showing(telling_record()) as (page, _, __):
        for name in ("Question", "Answer", "Timeline", "layer 1", "What was asked"):
            assert page.get_by_role("region", name=name, exact=True).first.is_visible()
        assert page.get_by_role("navigation", name="Layers").get_by_role("link").count() == 9
        row = page.get_by_role("table", name="Timeline").get_by_role("row", name="llama-70b hedge")
        assert row.get_by_role("cell", name="720 ms").is_visible()
        seat = page.get_by_role("article", name="old")
        seat.locator("summary").last.focus()
        page.keyboard.press("Enter")
        assert seat.get_by_role("link", name="saw request 1").is_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.locator("#request-1").is_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_letters_stand_out(showing: Showing, *, dark: bool) -> None:
    """Every letter has a contrast of at least 4.5 to 1 to its ground, in light and in dark."""
    with showing(telling_record(), dark=dark) as (page, _, __):
        assert page.evaluate(LEAST_CONTRAST) >= 4.5


LEAST_CONTRAST = """() => {
  const parts = colour => colour.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = e => {
    const colour = parts(getComputedStyle(e).backgroundColor);
    return colour.length === 3 || colour[3] > 0 ? colour : ground(e.parentElement);
  };
  const written = [...document.querySelectorAll('main *')]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  return Math.min(...written.map(e => {
    const [a, b] = [light(parts(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
}"""
"""Returns the least contrast of a text to what is behind it, 1 to 21 (WCAG 2.2)."""


def _box(page: Page, selector: str) -> dict[str, Any]:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return dict(box)
