"""Text of models as HTML."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_moa.playground.markdown import ATTRIBUTES, ELEMENTS, LONGEST, SCHEMES, as_html
from tests.playground.pages import HOSTILE

PIECES = st.sampled_from(
    [
        *(
            "<script>",
            "</script>",
            "<img src=x onerror=alert(1)>",
            "<a href='javascript:alert(1)'>",
            "<!--",
            "-->",
            "<",
        ),
        *("[a](", "![a](", "javascript:alert(1)", "data:text/html,x", "https://e.example/", "mailto:a@e.example", ")"),
        *(
            "<https://e.example>",
            "<javascript:alert(1)>",
            "[r]: JAVA\tSCRIPT:x\n",
            "[r]",
            '"onclick="x',
            "&#106;",
            "\\",
        ),
        *(
            "# ",
            "> ",
            "- ",
            "7. ",
            "|",
            "|-|-:|\n",
            "```js\n",
            "~~",
            "**",
            "_",
            "`",
            "\n\n",
            "\n",
            "    ",
            "&lt;",
            "\0",
        ),
    ]
)


class Reader(HTMLParser):
    """Collects what a browser would find."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: dict[str, list[str]] = {}
        self.oddities: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.oddities.append(data)

    def handle_decl(self, decl: str) -> None:
        self.oddities.append(decl)

    def handle_pi(self, data: str) -> None:
        self.oddities.append(data)

    def unknown_decl(self, data: str) -> None:
        self.oddities.append(data)


def read(text: str) -> Reader:
    """Return what a browser would find in a text's HTML."""
    reader = Reader()
    reader.feed(as_html(text))
    reader.close()
    return reader


@given(st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=30).map("".join)))
@settings(max_examples=200, deadline=None)
def test_nothing_but_the_listed_comes_out(text: str) -> None:
    """Whatever goes in, no element or attribute outside the short lists comes out, and links lead to pages or mail."""
    found = read(text)
    assert found.elements <= ELEMENTS
    assert found.attributes.keys() <= ATTRIBUTES
    assert all(address.lower().startswith(SCHEMES) for address in found.attributes.get("href", ()))
    assert set(found.attributes.get("class", ())) <= {"heading", "right"}
    assert all(start.isdecimal() for start in found.attributes.get("start", ()))
    assert found.oddities == []


def test_hostile_text_is_shown_as_text() -> None:
    """HTML in an answer is read, not obeyed."""
    found = read(HOSTILE)
    assert found.elements == {"p", "a", "br", "code"} - {"br"}
    assert "<script>alert(1)</script>" in found.text
    assert found.attributes["href"] == ["https://elsewhere.example/pixel.png", "https://elsewhere.example/e"]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# Title", '<p class="heading">Title</p>\n'),
        ("Title\n===", '<p class="heading">Title</p>\n'),
        ("~~a~~ **b** *c*", "<p><s>a</s> <strong>b</strong> <em>c</em></p>\n"),
        ("```js onload\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>\n"),
        ("3. c\n4. d", '<ol start="3">\n<li>c</li>\n<li>d</li>\n</ol>\n'),
        ("![a *b*](/local.png)", "<p>![a <em>b</em>](/local.png)</p>\n"),
        ("", ""),
    ],
)
def test_markdown_is_markdown(text: str, html: str) -> None:
    """What models use of Markdown becomes what it means, headings but paragraphs."""
    assert as_html(text) == html


def test_a_link_tells_nobody_where_it_was() -> None:
    """A link names no opener and no referrer, and has no title of the model's."""
    assert as_html('[a](https://e.example/?q=1&r=2 "boo")') == (
        '<p><a href="https://e.example/?q=1&amp;r=2" rel="noopener nofollow noreferrer">a</a></p>\n'
    )


def test_half_a_character_is_shown() -> None:
    """Half a character is U+FFFD, in a text, in an address and beyond the limit."""
    html = as_html("\ud83d [a](https://e.example/\ude00)")
    assert html.startswith('<p>\ufffd <a href="https://e.example/%EF%BF%BD"')
    assert "\ufffd</pre>" in as_html("*" * LONGEST + "\ud83d")


def test_numbers_stand_to_the_right() -> None:
    """A column that is aligned to the right is so by a class, since styles are not obeyed."""
    html = as_html("|a|b|\n|-|-:|\n|1|2|")
    assert '<td>1</td>\n<td class="right">2</td>' in html


@pytest.mark.parametrize("hostile", ["![", "[", "*", "`", "*a "])
def test_no_text_is_read_for_seconds(hostile: str) -> None:
    """200,000 characters that Markdown reads in the square of their number are not read as Markdown."""
    text = hostile * (200_000 // len(hostile))
    assert as_html(text) == f"<pre>{text}</pre>\n"


def test_a_text_without_end_is_shown_as_it_is() -> None:
    """A text beyond the limit costs no parsing."""
    html = as_html("*" * (LONGEST + 1) + "<b>")
    assert html.startswith("<pre>***")
    assert html.endswith("&lt;b&gt;</pre>\n")
