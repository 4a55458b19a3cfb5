"""Text of models as HTML that can run nothing and asks for nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from html import escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from langgraph_moa.surrogates import well_formed

ELEMENTS = frozenset(
    "a blockquote br code em hr li ol p pre s strong table tbody td th thead tr ul".split()  # noqa: SIM905 - to be read
)
"""All that `as_html` writes."""
ATTRIBUTES = frozenset({"class", "href", "rel", "start"})
SCHEMES = ("http://", "https://", "mailto:")
"""Beginnings of all addresses that are linked."""
LONGEST = 20_000
"""Characters of a text that are read as Markdown; a longer one is shown as it is.

Reading takes up to the square of them: a text of nothing but `![` takes half a second at 20,000, six at 200,000.
"""


def as_html(text: str) -> str:
    """Return Markdown as HTML of `ELEMENTS` with `ATTRIBUTES` alone.

    HTML in the text is shown as text. A picture becomes a link to it, since looking at it would tell its host who
    reads. Headings are paragraphs of the class `heading`, so that they do not mix with those of the page.

    It may take half a second, for which no event loop should wait.
    """
    if len(text) > LONGEST:
        return f"<pre>{escape(well_formed(text))}</pre>\n"
    return str(_parser().render(well_formed(text)))


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 - markdown-it's name
        """Say whether an address becomes a link."""
        return is_linked(url)


@cache
def _parser() -> MarkdownIt:
    parser = _Parser("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.core.ruler.push("plain", lambda state: _simplify(state.tokens))
    for name, html in (("image", _picture), ("fence", _code), ("code_block", _code)):
        parser.add_render_rule(name, _rule(html))
    return parser


def is_linked(address: str) -> bool:
    """Say whether an address becomes a link: a page's or a mail's, written out in full."""
    return address.strip().lower().startswith(SCHEMES)


def _simplify(tokens: Sequence[Token]) -> None:
    """Leave each element the attributes that it may have."""
    for token in tokens:
        _simplify(token.children or ())
        if token.type in ("heading_open", "heading_close"):
            token.tag = "p"
            token.attrs = {"class": "heading"} if token.nesting == 1 else {}
        elif token.type == "link_open":
            token.attrs = _to(str(token.attrs.get("href", "")))
        elif token.type in ("th_open", "td_open"):
            token.attrs = {"class": "right"} if "right" in str(token.attrs.get("style")) else {}
        elif token.type == "ordered_list_open":
            token.attrs = {"start": token.attrs["start"]} if "start" in token.attrs else {}
        elif token.type != "image":
            token.attrs = {}


def _to(address: str) -> dict[str, str | int | float]:
    """Return the attributes of a link, which leads nowhere if nothing is named."""
    return {"href": address, "rel": "noopener nofollow noreferrer"} if is_linked(address) else {}


def _rule(html: Callable[[Token], str]) -> Callable[..., str]:
    """Return what markdown-it calls for a token."""

    def rendered(_: RendererProtocol, tokens: Sequence[Token], index: int, *__: OptionsDict | EnvType) -> str:
        return html(tokens[index])

    return rendered


def _picture(token: Token) -> str:
    """Return a picture as a link to it."""
    address = str(token.attrs.get("src", ""))
    name = escape(token.content.strip() or "picture")
    if not is_linked(address):
        return name
    return f'<a href="{escape(address)}" rel="noopener nofollow noreferrer">{name}</a>'


def _code(token: Token) -> str:
    """Return a block of code without the name of its language, which would become a class."""
    return f"<pre><code>{escape(token.content)}</code></pre>\n"
