"""Text as inert HTML."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from langgraph_moa.surrogates import well_formed

_CONTROLS = {code: "�" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def inline(text: str) -> str:
    """Return a text in one line, whose direction of writing ends with it."""
    return f"<bdi>{escape(' '.join(_visible(text).split()))}</bdi>"


def block(text: str, label: str) -> str:
    """Return a text as it was written, in a box of its own that scrolls and can be reached by keyboard.

    Args:
        text: Of a model.
        label: What a screen reader calls the box.
    """
    # A newline that follows the tag is not part of the text.
    return (
        f'<pre class="said" dir="auto" role="region" tabindex="0" aria-label="{attribute(label)}">\n'
        f"{escape(_visible(text), quote=False)}</pre>"
    )


def facts(told: Iterable[tuple[str, str]]) -> str:
    """Return names and what is told of each as a list in one line or a few."""
    pairs = "".join(f"<div><dt>{inline(name)}</dt><dd>{inline(value)}</dd></div>" for name, value in told)
    return f'<dl class="facts">{pairs}</dl>'


def attribute(text: str) -> str:
    """Return a text as the value of an attribute in double quotes."""
    return escape(" ".join(_visible(text).split()))


def _visible(text: str) -> str:
    """Return a text that a browser takes: carriage returns are ends of lines, and other controls are shown as such."""
    return well_formed(text).replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)
