"""Pages in a real headless browser without a network, and pictures of them for the documentation."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, ViewportSize, sync_playwright

REQUIRED = "LANGGRAPH_MOA_REQUIRE_CHROMIUM"
"""Environment variable: where it is set, tests fail rather than skip without a browser."""
WRITES = "LANGGRAPH_MOA_WRITE_SCREENSHOTS"
"""Environment variable: where it is set, `shoot` writes the pictures of the documentation anew."""
FIGURES = Path(__file__).parents[1] / "docs" / "figures"
LARGEST_PICTURE = 150_000
"""Bytes."""
_COLOURS = 128
"""Of a picture."""
DESKTOP, PHONE = (1280, 900), (390, 844)
NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Opened(NamedTuple):
    """A page, and what came of it."""

    page: Page
    requests: list[str]
    """Addresses that it asked for, refused ones too."""
    complaints: list[str]
    """What it wrote to the console, raised, or asked the reader."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the browser of this machine, once in a file. Import the fixture where it is used.

    As long as it runs, its own event loop runs in this thread, and a file of asynchronous tests could not.
    """
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        reason = "no browser on this machine: install Debian's package chromium, or put chromium on PATH"
        if os.environ.get(REQUIRED):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        yield running
        running.close()


@contextmanager
def opened(browser: Browser, address: str, size: tuple[int, int] = DESKTOP, *, dark: bool = False) -> Iterator[Opened]:
    """Open a page, with every request refused that goes elsewhere than to where the page comes from.

    Args:
        browser: The fixture.
        address: A `file:` address, which may load nothing besides, or one of `http://127.0.0.1:<port>`.
        size: Width and height in CSS pixels.
        dark: Whether the reader likes it dark.
    """
    home = address if address.startswith("file:") else "/".join(address.split("/")[:3]) + "/"
    viewport = ViewportSize(width=size[0], height=size[1])
    page = browser.new_page(viewport=viewport, color_scheme="dark" if dark else "light")
    result = Opened(page, [], [])

    def answer(route: Route) -> None:
        result.requests.append(route.request.url)
        if route.request.url.startswith(home):
            route.continue_()
        else:
            route.abort()

    page.route("**/*", answer)
    page.on("console", lambda message: result.complaints.append(message.text))
    page.on("pageerror", lambda error: result.complaints.append(str(error)))
    page.on("dialog", lambda dialog: result.complaints.append(dialog.message))
    try:
        page.goto(address)
        yield result
    finally:
        page.close()


def shoot(page: Page, name: str) -> None:
    """Write what is seen of a page to `docs/figures/<name>.png`, where `LANGGRAPH_MOA_WRITE_SCREENSHOTS` is set.

    Raises:
        AssertionError: The picture is too large for a repository.
    """
    if os.environ.get(WRITES):
        path = FIGURES / f"{name}.png"
        seen = Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide")))
        seen.convert("RGB").quantize(_COLOURS).save(path, optimize=True)
        size = path.stat().st_size
        assert size <= LARGEST_PICTURE, f"{name}.png has {size} bytes: show less of the page"
