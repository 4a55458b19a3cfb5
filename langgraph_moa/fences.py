"""Fences round text that may hold anything, such as other fences: no text inside can close its own.

A fence is a pair of tags that carry a 16-digit hash of all that they enclose. A text that held the tag would have
to contain its own hash; should one do so all the same, the hash is taken again until no text holds it. No secret is
needed for that: whoever knows this code, and all other texts, can compute every tag but the one of its own text.
So the same texts always get the same fence, and reading a fenced block gives back the texts byte for byte.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_CLOSING = re.compile(r"</([a-z]+)_([0-9a-f]{16})>\Z")


class Fenced(NamedTuple):
    """One enclosed text."""

    name: str
    text: str


class Section(NamedTuple):
    """A fenced block that was found in a text."""

    before: str
    items: tuple[Fenced, ...]
    after: str
    tag: str
    preface: str
    """Empty where the block has no items."""


def tag_for(texts: Sequence[str], *, apart_from: Sequence[str] = ()) -> str:
    """Return a hash of `texts` that occurs neither in them nor in `apart_from`."""
    joined = [*texts, *apart_from]
    for salt in range(2**16):
        digest = hashlib.blake2b(digest_size=8, key=b"langgraph-moa fence", salt=salt.to_bytes(2, "big"))
        for text in joined:
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
        tag = digest.hexdigest()
        if not any(tag in text for text in joined):
            return tag
    raise AssertionError("unreachable: 65,536 hashes of a text cannot all stand in it")


def enclose(group: str, item: str, items: Iterable[Fenced], tag: str, *, preface: str = "") -> str:
    """Write a block `<group_tag>` that holds each text between `<item_tag name="...">` and `</item_tag>`.

    Args:
        group: Lower-case word for the block, as `references`.
        item: Lower-case word for one text, as `reference`.
        items: The texts with their names, in order. Names are escaped, texts are not changed.
        tag: From `tag_for` over the texts.
        preface: Trusted text at the head of the block.
    """
    lines = [f"<{group}_{tag}>"]
    if preface:
        lines += [preface, ""]
    for name, text in items:
        lines += [f'<{item}_{tag} name="{html.escape(name, quote=True)}">', text, f"</{item}_{tag}>"]
    return "\n".join([*lines, f"</{group}_{tag}>"])


def read_last(group: str, item: str, text: str) -> Section | None:
    """Read the block `group` with which a text ends; `None` if it ends otherwise."""
    closing = _CLOSING.search(text)
    if closing is None or closing[1] != group:
        return None
    tag = closing[2]
    start = text.find(f"<{group}_{tag}>")
    if start < 0:
        return None
    return _section(text[:start], item, tag, text[start : closing.start()], "")


def read_first(group: str, item: str, text: str) -> Section | None:
    """Read the block `group` with which a text begins; `None` if it begins otherwise."""
    opening = re.match(rf"<{group}_([0-9a-f]{{16}})>", text)
    if opening is None:
        return None
    closing = f"</{group}_{opening[1]}>"
    end = text.find(closing)
    if end < 0:
        return None
    return _section("", item, opening[1], text[:end], text[end + len(closing) :])


def _section(before: str, item: str, tag: str, block: str, after: str) -> Section:
    """Read a block that begins with its opening tag; its closing tag is cut off."""
    head, opened, _ = block.partition(f'\n<{item}_{tag} name="')
    preface = head.partition("\n")[2].removesuffix("\n") if opened else ""
    return Section(before, tuple(_items(item, tag, block)), after, tag, preface)


def _items(item: str, tag: str, block: str) -> Iterable[Fenced]:
    opening = re.compile(rf'<{item}_{tag} name="([^"]*)">\n')
    closing = f"\n</{item}_{tag}>"
    position = 0
    while found := opening.search(block, position):
        end = block.find(closing, found.end())
        if end < 0:
            return
        yield Fenced(html.unescape(found[1]), block[found.end() : end])
        position = end + len(closing)
