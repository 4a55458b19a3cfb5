"""A report's page in a real browser that has no network."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from PIL import Image
from playwright.sync_api import Browser

from langgraph_moa.evaluation.pages import write_report
from langgraph_moa.evaluation.reports import Report
from tests.evaluation.reports_to_show import HOSTILE, full_report, hostile_report
from tests.screenshots import Opened, browser, opened

__all__ = ["browser"]
DESKTOP, PHONE = (1280, 900), (360, 740)


Open = Callable[[Report, tuple[int, int]], Opened]


@pytest.fixture(scope="module")
def opening(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Return what writes a report to a file and opens it, with every request but that for the file refused."""
    with ExitStack() as pages:

        def written(report: Report, size: tuple[int, int]) -> Opened:
            (path,) = write_report(report, tmp_path_factory.mktemp("report"), ["html"], name="page")
            return pages.enter_context(opened(browser, path.as_uri(), size))

        yield written


@pytest.fixture(scope="module")
def desktop(opening: Open) -> Opened:
    """Open a full report."""
    return opening(full_report(), DESKTOP)


@pytest.fixture(scope="module")
def hostile(opening: Open) -> Opened:
    """Open a report all of whose texts are hostile, on a phone."""
    return opening(hostile_report(), PHONE)


def test_nothing_but_the_file_is_asked_for(desktop: Opened, hostile: Opened) -> None:
    """The browser makes one request, for the page itself, and has nothing to complain of."""
    for report in (desktop, hostile):
        assert report.requests == [report.page.url]
        assert report.complaints == []


def test_figures_are_seen(desktop: Opened) -> None:
    """Every figure is visible, has a size, and is an image with a name and a description for who does not see it."""
    drawings = desktop.page.get_by_role("img")
    assert drawings.count() == 2
    for index, name in enumerate(("Win rates", "Cost")):
        box = drawings.nth(index).bounding_box()
        assert box is not None
        assert box["width"] > 400
        assert box["height"] > 80
        assert desktop.page.get_by_role("img", name=name).is_visible()
    assert drawings.first.evaluate("e => document.getElementById(e.getAttribute('aria-describedby')).textContent")


def test_tables_are_read_aloud(desktop: Opened) -> None:
    """A table is found by its caption, a column and a row by their headers."""
    table = desktop.page.get_by_role("table", name="Win rates")
    assert table.get_by_role("columnheader", name="Calls").is_visible()
    assert table.get_by_role("rowheader", name="Together-MoA", exact=True).is_visible()
    assert table.get_by_role("cell", name="–").count() == 1


def test_numbers_are_aligned(desktop: Opened) -> None:
    """Numbers of a column end on one line."""
    rights = desktop.page.eval_on_selector_all(
        "table >> nth=0 >> tr > :nth-child(2) > bdi", "cells => cells.map(c => c.getBoundingClientRect().right)"
    )
    assert len(rights) == 3
    assert max(rights) - min(rights) < 0.6


def test_figures_are_painted(desktop: Opened) -> None:
    """A screenshot of the bars is white and blue: both of its grounds take more than a tenth of it."""
    drawing = desktop.page.get_by_role("img").first
    picture = Image.open(io.BytesIO(drawing.screenshot())).convert("RGB")
    pixels = {colour: count for count, colour in picture.getcolors(2**24) or []}
    for colour in ((255, 255, 255), (0, 114, 178)):
        assert pixels[colour] > picture.width * picture.height / 10


@pytest.mark.parametrize("make", [full_report, hostile_report])
def test_on_a_phone_the_page_does_not_scroll_sideways(opening: Open, make: Callable[[], Report]) -> None:
    """At 360 pixels, nothing is wider than the screen but what stands in a frame that scrolls by itself."""
    page = opening(make(), PHONE).page
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    assert page.evaluate("document.querySelector('.drawing').getBoundingClientRect().width") > PHONE[0]
    page.close()


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_it_is_read_in_light_and_dark(desktop: Opened, scheme: str, *, dark: bool) -> None:
    """The page follows the reader's scheme with a contrast of at least 7 to 1, and figures keep a white ground."""
    desktop.page.emulate_media(color_scheme="dark" if dark else "light")
    ink, paper, drawing = desktop.page.evaluate(
        """() => [
          getComputedStyle(document.body).color,
          getComputedStyle(document.body).backgroundColor,
          getComputedStyle(document.querySelector('.drawing')).backgroundColor
        ].map(colour => colour.match(/[0-9]+/g).map(Number))"""
    )
    assert (sum(paper) < sum(ink)) is dark
    assert contrast(ink, paper) >= 7
    assert drawing == [255, 255, 255]


def test_hostile_text_is_inert(hostile: Opened) -> None:
    """Scripts, styles and images in names do nothing: the title is the report's, and the names are read as they are."""
    assert hostile.page.title() == HOSTILE[1]
    assert hostile.page.locator("body script, body style, body img, iframe").count() == 0
    assert hostile.page.locator("caption").inner_text() == HOSTILE[0]
    assert hostile.page.get_by_role("row").count() == len(HOSTILE) + 1
    assert hostile.page.locator("tbody tr").first.is_visible()


def test_a_turned_direction_ends_with_its_name(hostile: Opened) -> None:
    """After a name that is written from right to left, the number of its row still reads from left to right."""
    row = hostile.page.locator("tbody tr").last
    assert row.locator("td").inner_text() == "1.5"
    assert row.locator("bdi").first.evaluate("e => e.matches(':dir(rtl)')")


def contrast(one: list[int], other: list[int]) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: list[int]) -> float:
    """Return the relative luminance of a colour, 0 to 1 (WCAG 2.2)."""
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour[:3]
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
