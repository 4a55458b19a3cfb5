"""A record as a page, read as a browser's parser reads it."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.record import RunRecord
from langgraph_moa.record.run_record import Said
from tests.record.records import hostile_record, telling_record, wide_record

_VOID = {"meta", "img", "br"}
ALLOWED = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "header",
        "section",
        "nav",
        "article",
        "h1",
        "h2",
        "h3",
    ),
    *(
        "p",
        "dl",
        "div",
        "dt",
        "dd",
        "ul",
        "ol",
        "li",
        "a",
        "span",
        "small",
        "b",
        "i",
        "bdi",
        "pre",
        "details",
        "summary",
    ),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


class Read(HTMLParser):
    """What a page holds.

    Args:
        page: Its HTML.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that the element that was opened last is closed."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)

    def values(self, name: str) -> list[str]:
        """Return every value of an attribute."""
        return [value or "" for key, value in self.attributes if key == name]


@pytest.mark.parametrize(
    "record", [telling_record(), wide_record(3), hostile_record()], ids=["telling", "wide", "hostile"]
)
def test_nothing_but_text_comes_from_a_record(record: RunRecord) -> None:
    """Whatever models say, a page has known elements alone, each closed, and no attribute that runs anything."""
    page = Read(record.to_html())
    assert set(page.tags) <= ALLOWED
    assert page.open == []
    assert {name for name, _ in page.attributes if name.startswith("on") or name in {"src", "srcset"}} == set()
    assert all(link.startswith("#") for link in page.values("href"))


@settings(max_examples=30)
@given(st.text(max_size=60))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    """An answer stands on the page byte for byte, but for what no page can hold: controls and half characters."""
    page = Read(replace(wide_record(1), answer=text).to_html())
    assert set(page.tags) <= ALLOWED
    answer = "".join(page.texts[page.texts.index("Answer") :])
    shown = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\r\n", "\n").replace("\r", "\n")
    assert "".join("�" if (ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 else c for c in shown) in answer


def test_links_lead_somewhere() -> None:
    """Every link and every reference to a heading names an element of the page, and no name is given twice."""
    page = Read(telling_record().to_html())
    names = page.values("id")
    assert len(names) == len(set(names))
    assert {link[1:] for link in page.values("href")} <= set(names)
    assert {name for value in page.values("aria-labelledby") for name in value.split()} <= set(names)


def test_a_page_forbids_itself_everything() -> None:
    """The page's policy lets nothing load or run but its own styles."""
    assert any(
        value.startswith("default-src 'none'; style-src 'unsafe-inline'")
        for value in Read(telling_record().to_html()).values("content")
    )


def test_a_page_tells_what_went_wrong() -> None:
    """Who is missing and why, what failed, and what was cancelled stands on the page in words."""
    texts = " ".join(Read(telling_record().to_html()).texts)
    assert "Answered, degraded: 2 planned proposals missing." in texts
    assert "layer 1, qwen (openai:qwen), cancelled: the layer went on without it" in texts
    assert "RateLimitError: 429" in texts
    assert "llama-70b (answered: llama-70b-turbo)" in texts


def test_each_request_stands_once() -> None:
    """Sixty-four proposers that were asked the same have one request on the page, to which each refers."""
    page = Read(wide_record().to_html())
    assert page.values("id").count("request-1") == 1
    assert "request-2" not in page.values("id")
    assert page.values("href").count("#request-1") == 65
    assert len(wide_record().to_html()) < 150_000


def test_earlier_messages_are_folded() -> None:
    """Of a long conversation the last message is seen at once, and the others can be opened."""
    page = replace(wide_record(1), messages=(Said("user", "first"), Said("assistant", "second"), Said("user", "third")))
    assert "2 earlier messages" in page.to_html()
