"""The page in a real browser that reaches nothing but the server of the page."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from langgraph_moa import Mixture, Proposer, load_preset
from langgraph_moa.playground import OPEN_PATHS
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator
from tests.playground.pages import POOR_CONTRASTS, mixtures, playground, saying, served
from tests.playground.provided import ABOUT, PROVIDED, heat_pumps
from tests.screenshots import DESKTOP, PHONE, Opened, browser, opened, shoot

__all__ = ["browser"]
TOKEN = "a token that nobody guesses"  # noqa: S105
pytestmark = pytest.mark.timeout(120)
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve the playground for all tests of this file."""
    with served(playground(mixtures())) as address:
        yield address


@pytest.fixture
def desktop(browser: Browser, address: str) -> Iterator[Opened]:
    """Open the page as it is first seen; it asks nothing of another host, and has nothing to complain of."""
    with opened(browser, address + "/", DESKTOP) as opening:
        ready(opening.page)
        yield opening
        assert opening.complaints == []
        assert all(request.startswith((address, "data:", "blob:")) for request in opening.requests)


@pytest.fixture(scope="module")
def troubled(browser: Browser, address: str) -> Iterator[Page]:
    """Open the page and ask the mixture in which everything happens, once for the tests that only look."""
    with opened(browser, address + "/", DESKTOP) as opening:
        ready(opening.page)
        ask(opening.page, "trouble")
        expect(status(opening.page)).to_have_text("degraded")
        yield opening.page
        assert opening.complaints == []


def ready(page: Page) -> None:
    """Wait until the mixtures are there, and their models."""
    expect(page.get_by_label("Mixture", exact=True).get_by_role("option")).not_to_have_count(0)
    expect(page.locator("#models input").first).to_be_attached()


def ask(page: Page, mixture: str, question: str = "When is it warm?") -> None:
    """Ask a mixture by keyboard."""
    expect(page.get_by_role("button", name="Ask")).to_be_enabled()
    page.get_by_label("Mixture", exact=True).select_option(mixture)
    page.get_by_label("Question").fill(question)
    page.get_by_label("Question").press("Enter")


def status(page: Page) -> Locator:
    """Return where the run says how it is."""
    return page.locator("#facts .status")


def seat(page: Page, name: str) -> Locator:
    """Return a seat's card."""
    return page.locator("article").filter(has=page.get_by_role("heading", name=name, exact=True))


def test_the_default_answers(desktop: Opened) -> None:
    """With no key and no network, the first mixture answers: five proposers side by side, then the answer."""
    page = desktop.page
    page.get_by_label("Question").fill("What is a quorum?")
    page.get_by_role("button", name="Ask").click()
    expect(status(page)).to_have_text("complete")
    layer = page.locator(".stage").first
    expect(layer.locator("article[data-state=ok]")).to_have_count(5)
    tops = {box["y"] for card in layer.locator("article").all() if (box := card.bounding_box())}
    assert len(tops) == 1
    expect(page.get_by_role("group", name="Answer", exact=True)).to_contain_text("quorum")
    expect(page.get_by_role("heading", name="What is a quorum?")).to_be_visible()


def test_every_end_looks_different(troubled: Page) -> None:
    """Answered, failed, late and cancelled differ in word, mark and border; time, tokens and dollars stand beside."""
    page = troubled
    expected = {
        "quick": "✓ answered",
        "broken": "✗ failed",
        "late": "◔ too late",
        "slow": "⊘ cancelled",
    }
    for name, state in expected.items():
        expect(seat(page, name).locator(".state")).to_have_text(state)
    borders = [
        seat(page, name).evaluate("e => getComputedStyle(e).border + getComputedStyle(e).backgroundImage")
        for name in expected
    ]
    assert len(set(borders)) == len(expected)
    expect(seat(page, "quick").locator(".facts")).to_have_text(
        re.compile(r"\d\.\d s · 40 tokens in, 18 out · \$0\.000")
    )
    expect(seat(page, "quick").locator("strong")).to_have_text("warm")
    expect(seat(page, "broken").locator(".reason")).to_have_text("The provider is out of order.")
    expect(page.locator(".counts").first).to_contain_text("2 answered, 1 failed, 1 too late, 1 cancelled")
    expect(page.get_by_role("status")).to_have_text(re.compile("The run is degraded, after"))


def test_what_was_not_asked_says_so(desktop: Opened) -> None:
    """Where proposals agree, the rest of the layer is not needed and the next layer not asked; neither has failed."""
    page = desktop.page
    ask(page, "agreed")
    expect(status(page)).to_have_text("complete")
    expect(page.locator(".counts").first).to_contain_text("2 answered, 1 not needed")
    expect(page.locator(".counts").nth(1)).to_contain_text("3 not asked")


def test_tokens_are_seen_as_they_come(browser: Browser) -> None:
    """A proposer's text grows while it writes, and the seconds run."""
    slowly = ScriptedChatModel(replies="one two three four five six seven eight", tokens_per_second=8)
    app = playground({"slowly": Mixture.of([Proposer(slowly, name="slowly")], saying("done"))})
    with served(app) as address, opened(browser, address + "/") as opening:
        page = opening.page
        ready(page)
        ask(page, "slowly")
        text = seat(page, "slowly").locator(".text")
        expect(text).to_contain_text("one")
        expect(seat(page, "slowly").locator(".state")).to_have_text("▸ answering")
        assert "eight" not in text.inner_text()
        expect(text).to_contain_text("three")
        expect(status(page)).to_have_text("complete")
        expect(text).to_contain_text("eight")


def test_stop_cancels_for_real(browser: Browser) -> None:
    """The stop button closes the connection to the provider, and the run is kept as stopped."""
    with Simulator(Behaviour(hang=True)) as provider:
        silent = Proposer("openai:silent", model_kwargs={"base_url": provider.url, "api_key": "simulated"})
        app = playground({"silent": Mixture.of([silent], saying("never"))})
        with served(app) as address, opened(browser, address + "/") as opening:
            page = opening.page
            ready(page)
            ask(page, "silent", "Will it end?")
            expect(seat(page, "silent").locator(".state")).to_have_text("▸ answering")
            assert provider.wait_for(lambda simulator: len(simulator.requests) == 1)
            page.get_by_role("button", name="Stop").click()
            expect(status(page)).to_have_text("stopped")
            expect(seat(page, "silent").locator(".state")).to_have_text("■ stopped")
            expect(page.get_by_label("Question")).to_be_focused()
            expect(page.get_by_role("complementary").get_by_text("■ stopped")).to_be_visible()
            assert provider.wait_for(lambda simulator: all(request.disconnected for request in simulator.requests))


def test_settings_change_the_run(desktop: Opened) -> None:
    """Quorum, deadline and a swapped model are those of the run; the fields say what holds without them."""
    page = desktop.page
    page.get_by_text("Models, quorum and times").click()
    expect(page.get_by_label("Deadline")).to_have_attribute("placeholder", "120")
    page.get_by_role("spinbutton", name="Quorum").fill("3")
    page.get_by_label("Deadline").fill("45")
    page.get_by_label("bm25").fill("offline:lsa")
    expect(page.get_by_text("(3 changed)")).to_be_visible()
    page.get_by_label("Question").fill("What is a quorum?")
    page.get_by_label("bm25").press("Control+Enter")
    expect(status(page)).to_have_text("complete")
    expect(page.locator(".counts").first).to_contain_text("quorum 3 · deadline 45 s")
    expect(page.locator(".stage .model", has_text="offline:bm25")).to_have_count(0)
    page.get_by_role("button", name="Back to the mixture").click()
    expect(page.get_by_role("spinbutton", name="Quorum")).to_have_value("")


def test_errors_are_words(desktop: Opened) -> None:
    """A setting that cannot be, and a run that fails, are told in words, and the page goes on."""
    page = desktop.page
    page.get_by_text("Models, quorum and times").click()
    page.get_by_label("bm25").fill("nonsense")
    ask_again(page)
    expect(page.get_by_role("alert")).to_contain_text("nonsense")
    desktop.complaints.clear()  # the browser logs every response of 400
    page.get_by_label("Mixture", exact=True).select_option("doomed")
    expect(page.get_by_label("broken")).to_be_visible()
    ask_again(page)
    expect(page.get_by_role("alert")).to_contain_text("1 needed")
    expect(status(page)).to_have_text("failed")
    expect(seat(page, "Written by the aggregator").locator(".state")).to_have_text("– not asked")


def test_a_wrong_setting_is_seen(desktop: Opened) -> None:
    """A setting that is wrong and folded away is unfolded and focused when the question is asked, by button or key."""
    page = desktop.page
    quorum = page.get_by_role("spinbutton", name="Quorum")
    page.get_by_text("Models, quorum and times").click()
    quorum.fill("0")
    for asks, key in ((page.get_by_role("button", name="Ask"), "Space"), (page.get_by_label("Question"), "Enter")):
        page.locator("#settings").evaluate("settings => settings.open = false")
        page.get_by_label("Question").fill("Is it?")
        asks.press(key)
        expect(quorum).to_be_visible()
        expect(quorum).to_be_focused()
    expect(page.locator("#run")).to_be_hidden()


def ask_again(page: Page) -> None:
    """Ask with what is in the form."""
    page.get_by_label("Question").fill("Is it?")
    page.get_by_role("button", name="Ask").click()


def test_a_hostile_answer_does_nothing(desktop: Opened) -> None:
    """Scripts, handlers, frames, styles and pictures in proposals and in the answer are text, live and reopened."""
    page = desktop.page
    ask(page, "hostile", "<img src=x onerror=alert(9)></h2><script>alert(10)</script>")
    expect(status(page)).to_have_text("complete")
    for _ in range(2):
        expect(seat(page, "wicked").locator(".text")).to_contain_text("<script>alert(1)</script>")
        assert page.locator("article :is(script, img, iframe, style, form, button), h2 *").count() == 0
        addresses = page.locator("article a").evaluate_all("links => links.map(link => link.href)")
        assert {address.split(":")[0] for address in addresses} == {"https"}
        assert page.locator("article a:not([rel~=noopener])").count() == 0
        page.reload()
        expect(status(page)).to_have_text("complete")


def test_an_earlier_run_is_opened(desktop: Opened) -> None:
    """An earlier run is drawn as it was, by its address too, and its record is a page of its own."""
    page = desktop.page
    ask(page, "wide", "Who opens me?")
    expect(status(page)).to_have_text("complete")
    before = page.locator("#run").inner_text()
    ask(page, "trouble", "And me?")
    expect(status(page)).to_have_text("degraded")
    earlier = page.get_by_role("complementary", name="Earlier runs")
    earlier.get_by_role("link", name="Who opens me?").first.click()
    expect(page.get_by_role("heading", name="Who opens me?")).to_be_visible()
    expect(page.locator("#stages article[data-state=ok]")).to_have_count(25)
    without_rules = re.sub(r" · deadline 120 s| · quorum 1", "", before)
    assert page.locator("#run").inner_text() == without_rules
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Open the record").click()
    expect(popup.value.locator("body")).to_contain_text("Who opens me?")
    popup.value.close()


class _Locked:
    """Lets nobody in without a token, as a server does that other machines reach."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = Request(scope).headers.get("authorization") == f"Bearer {TOKEN}"
        refused = JSONResponse({"error": {"message": "a token is needed"}}, 401)
        await (self._app if known or scope["path"] in OPEN_PATHS else refused)(scope, receive, send)


def test_a_locked_server_is_opened_with_its_token(browser: Browser) -> None:
    """The page asks for a token once, again if it is wrong, and then works, also after a reload of the tab."""
    app = playground(mixtures())
    app.user_middleware.append(Middleware(_Locked))
    with served(app) as address, opened(browser, address + "/") as opening:
        page = opening.page
        for token in ("wrong", TOKEN):
            page.get_by_label("Bearer token").fill(token)
            page.get_by_label("Bearer token").press("Enter")
        ready(page)
        page.reload()
        ready(page)
        ask(page, "wide")
        expect(status(page)).to_have_text("complete")
        with page.expect_download() as download:
            page.get_by_role("link", name="Open the record").click()
        assert re.fullmatch(r"run-[\w-]+\.html", download.value.suggested_filename)
        assert page.evaluate("Object.values(localStorage).join()") == ""


def test_it_is_used_by_keyboard(desktop: Opened) -> None:
    """The skip link comes first, focus is seen and moves in the order of the page, and Shift+Enter asks nothing."""
    page = desktop.page
    page.get_by_role("link", name="Skip to the question").focus()
    expect(page.get_by_role("link", name="Skip to the question")).to_be_in_viewport()
    order = []
    for _ in range(5):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert order == ["theme", "question", "mixture", "send", "SUMMARY"]
    page.get_by_label("Question").fill("one")
    page.get_by_label("Question").press("Shift+Enter")
    expect(page.get_by_label("Question")).to_have_value("one\n")
    expect(page.locator("#run")).to_be_hidden()


def test_everything_has_a_name(troubled: Page) -> None:
    """Every control has a name, ids are unique, headings leave no level out, and the language is told."""
    page = troubled
    page.locator("#settings").evaluate("settings => settings.open = true")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, textarea, a, summary, [role=group]')]
          .filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim()))
          .map(e => e.outerHTML)"""
    )
    assert nameless == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    levels = [1, *page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(e => Number(e.tagName[1]))")]
    assert all(below <= above + 1 for above, below in itertools.pairwise(levels))
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("main").count() == 1
    scrolled = page.locator(".text").evaluate_all(
        "texts => texts.filter(e => e.scrollHeight > e.clientHeight + 1 && e.tabIndex !== 0).length"
    )
    assert scrolled == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_is_readable(troubled: Page, scheme: str) -> None:
    """In light and dark, every text has a contrast of at least 4.5 to 1 on its ground."""
    page = troubled
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    poor = page.evaluate(POOR_CONTRASTS)
    assert poor == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).every(part => part < 60)")
    assert dark is (scheme == "dark")


def test_the_theme_is_remembered(desktop: Opened) -> None:
    """The button goes from the system's theme to light and dark, and the page keeps it over a reload."""
    page = desktop.page
    button = page.get_by_role("button", name="Theme")
    for name in ("light", "dark"):
        button.click()
        expect(button).to_have_text(f"Theme: {name}")
    page.reload()
    expect(button).to_have_text("Theme: dark")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    button.click()
    assert page.evaluate("document.documentElement.dataset.theme") is None


def test_nothing_moves_for_those_who_do_not_want_it(desktop: Opened) -> None:
    """With reduced motion, a seat that answers is marked by no animation."""
    page = desktop.page
    page.emulate_media(reduced_motion="reduce")
    ask(page, "endless")
    expect(seat(page, "endless").locator(".state")).to_have_text("▸ answering")
    assert page.evaluate("document.getAnimations().length") == 0
    page.get_by_role("button", name="Stop").click()
    expect(status(page)).to_have_text("stopped")


def test_a_phone_does_not_scroll_sideways(browser: Browser, address: str) -> None:
    """At 390 pixels nothing is wider than the screen, in the form, in a run and in its settings."""
    with opened(browser, address + "/", PHONE) as opening:
        page = opening.page
        ready(page)
        for mixture, end in (("hostile", "complete"), ("wide", "complete"), ("trouble", "degraded")):
            ask(page, mixture)
            expect(status(page)).to_have_text(end)
            assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
        page.get_by_text("Models, quorum and times").click()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
        small = page.locator("button:visible, select:visible").evaluate_all(
            "all => all.filter(e => e.getBoundingClientRect().height < 24).length"
        )
        assert small == 0
        assert opening.complaints == []


def test_providers_are_asked_and_paid(browser: Browser) -> None:
    """Models of a provider answer token by token, each with what it cost by the packaged prices, and make a picture."""
    with Simulator(Behaviour(), models=PROVIDED) as provider:
        app = playground({"heat-pumps": heat_pumps(provider.url), "offline": load_preset("offline")})
        with served(app) as address, opened(browser, address + "/", DESKTOP) as opening:
            page = opening.page
            ready(page)
            ask(page, "heat-pumps", ABOUT)
            expect(status(page)).to_have_text("degraded")
            expect(page.locator("#facts")).to_contain_text(re.compile(r"\$0\.0\d+ and more"))
            expect(seat(page, "gpt-oss-120b").locator(".facts")).to_contain_text("$0.0")
            expect(page.get_by_role("complementary").get_by_role("link")).to_have_count(1)
            page.evaluate("document.activeElement.blur()")
            page.set_viewport_size({"width": 1250, "height": 960})
            shoot(page, "playground-light")
            page.emulate_media(color_scheme="dark")
            shoot(page, "playground-dark")
            page.emulate_media(color_scheme="light")
            page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
            shoot(page, "playground-phone")
