"""Drawings and live views in a real browser without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from langgraph_moa import create_moa, load_preset
from langgraph_moa.diagram import Box, Diagram, DrawnLayer, html
from langgraph_moa.notebook.tables import as_html
from tests.notebook.watched import event, run_of
from tests.screenshots import PHONE, browser, opened, shoot

__all__ = ["browser"]
HOSTILE = '</title></text></td><img src=x onerror="alert(1)"><script>alert(2)</script>]]>'


def page_of(folder: Path, body: str) -> str:
    """Write a page as a notebook makes one of an output; return its address."""
    page = folder / "output.html"
    page.write_text(f'<!doctype html><meta charset="utf-8"><body>{body}', encoding="utf-8")
    return page.as_uri()


def test_hostile_names_run_nothing_and_load_nothing(browser: Browser, tmp_path: Path) -> None:
    """Names and errors that hold markup are text in a drawing and in a table."""
    boxes = [Box(HOSTILE, HOSTILE)]
    error = {"kind": "Error", "message": HOSTILE}
    run = run_of(event("failed", 1, HOSTILE, seconds=1.0, status="error", error=error), mixture=HOSTILE)
    drawing = html(Diagram(HOSTILE, [DrawnLayer(boxes, HOSTILE)], Box("aggregator", HOSTILE)))
    address = page_of(tmp_path, drawing + as_html([run], now=2.0))
    with opened(browser, address) as shown:
        assert shown.page.locator("img, script").count() == 0
        assert shown.page.get_by_role("row").last.inner_text().count("<script>") == 3
    assert (shown.requests, shown.complaints) == ([address], [])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_letters_stand_out_from_what_they_stand_on(browser: Browser, tmp_path: Path, *, dark: bool) -> None:
    """In light and dark, names and models keep WCAG's contrast of 4.5 to 1 against their boxes."""
    drawing = html(create_moa(load_preset("together-2025")).diagram)
    with opened(browser, page_of(tmp_path, drawing), dark=dark) as shown:
        fills = {
            look: shown.page.eval_on_selector(f".{look}", "element => getComputedStyle(element).fill")
            for look in ("box", "frame", "ink", "quiet")
        }
    assert contrast(fills["ink"], fills["box"]) >= 4.5
    assert contrast(fills["quiet"], fills["box"]) >= 4.5
    assert contrast(fills["quiet"], fills["frame"]) >= 4.5


def test_letters_stay_within_their_boxes_and_the_page_within_its_width(browser: Browser, tmp_path: Path) -> None:
    """A drawing wider than a phone scrolls by itself, and no name leaves its box."""
    drawing = html(create_moa(load_preset("together-2025")).diagram)
    with opened(browser, page_of(tmp_path, drawing), PHONE) as shown:
        assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        beyond = shown.page.eval_on_selector_all(
            "g",
            """groups => groups.flatMap(group => {
                const box = group.querySelector("rect").getBoundingClientRect();
                return [...group.querySelectorAll("text")].filter(
                    text => text.getBoundingClientRect().right > box.right).map(text => text.textContent);
            })""",
        )
    assert beyond == []


def test_the_picture_of_a_live_view(browser: Browser, tmp_path: Path) -> None:
    """The table of a run that goes on shows on one screen what each call does."""
    run = run_of(
        event("finished", 1, "atlas", model="openai:gpt-5-mini", seconds=0.8, tokens=112),
        event(
            "failed",
            1,
            "broken",
            model="openai:gpt-5",
            seconds=0.1,
            status="error",
            error={"kind": "Error", "message": "no route to host"},
        ),
        event("started", 1, "river", model="openai:gpt-5-nano"),
        event("started", 1, "slow", model="groq:gpt-oss-20b"),
        event("cancelled", 1, "slow", seconds=1.0),
        mixture="panel",
    )
    with opened(browser, page_of(tmp_path, as_html([run], now=2.4)), (760, 180)) as shown:
        assert shown.page.get_by_role("row").count() == 6
        shoot(shown.page, "live-view")


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, each as `rgb(1, 2, 3)`, from 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, from 0 to 1 (WCAG 2.2)."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
