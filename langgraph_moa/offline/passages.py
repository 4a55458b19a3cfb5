"""Sentences of a document, with what stands round them. Pure; made for Markdown, harmless on plain text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from langgraph_moa.prompts import Document

LONGEST = 600
"""Characters. What has no full stop for longer than this, such as a table out of a PDF, is cut between two words."""

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_COMMENT = re.compile(r"<!--(?:(?!<!--).)*?-->", re.DOTALL)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.*?)[ \t#]*$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+")
_ITEM_MARK = re.compile(r"^\s*(?:(?:[-*+•]|\d{1,3}[.)])\s+|>\s?)*")
_TABLE_ROW = re.compile(r"^\s*\|(.*)\|\s*$")
_TABLE_RULE = re.compile(r"^\s*\|[\s:|-]+\|\s*$")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+\"[^\"]*\")?\)")
_EMPHASIS = re.compile(r"(?<![\w*`])(\*{1,3})(?=\S)([^*`\n]*?\S)\1(?![\w*])")
_END = re.compile(r"(?:[.!?][\"')\]*`]*(?=\s+[\"'(`\[*]*[^\W_a-z]|\s+`)|[。！？])\s*")  # noqa: RUF001
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Za-z]|e\.g|i\.e|cf|vs|etc|al|Dr|Mr|Mrs|Ms|Prof|St|Fig|Eq|Sec|No|Nos|vol|pp|approx|Inc|Ltd|Corp|U\.S))\.$"
)


class Passage(NamedTuple):
    """One sentence, or one row of a table, and where it stands."""

    text: str
    """One line, without the marks of headings, lists, links and emphasis; code spans keep their backticks."""
    source: str
    """Name of the document."""
    heading: str
    """Headings above it, outermost first, and the head of its table: context for matching, never quoted."""


def split_passages(document: Document) -> tuple[Passage, ...]:
    """Split a document into its sentences, in order.

    Code blocks are left out, unless there is nothing else. Sentences of fewer than two words are left out too.
    """
    text = _COMMENT.sub(" ", document.text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = text.split("\n")
    prose = tuple(_passages(document.name, _without_code(lines)))
    return prose or tuple(_passages(document.name, [line for line in lines if not _FENCE.match(line)]))


def split_sentences(paragraph: str) -> list[str]:
    """Split running text after full stops that end a sentence, and what is longer than `LONGEST` between words."""
    line = " ".join(paragraph.split())
    sentences, start = [], 0
    for end in _END.finditer(line):
        if _ABBREVIATION.search(line[max(start, end.start() - 8) : end.start() + 1]):
            continue
        sentences.append(line[start : end.end()].strip())
        start = end.end()
    sentences.append(line[start:].strip())
    return [part for sentence in sentences if sentence for part in _cut(sentence)]


def _passages(source: str, lines: Iterable[str]) -> Iterator[Passage]:
    headings: list[tuple[int, str]] = []
    for block in _blocks(lines):
        if block.kind == "heading":
            headings = [heading for heading in headings if heading[0] < block.level] + [(block.level, block.text)]
            continue
        above = " / ".join([text for _, text in headings] + ([block.context] if block.context else []))
        sentences = [block.text] if block.kind == "row" else split_sentences(block.text)
        yield from (Passage(sentence, source, above) for sentence in sentences if _has_words(sentence))


class _Block(NamedTuple):
    kind: str
    text: str
    level: int = 0
    context: str = ""


def _blocks(lines: Iterable[str]) -> Iterator[_Block]:
    """Put wrapped lines together to paragraphs and list items; tell headings and rows of tables apart from them."""
    paragraph: list[str] = []
    table_head = ""
    for line in [*lines, ""]:
        row = _TABLE_ROW.match(line)
        heading = _HEADING.match(line)
        underlined = len(paragraph) == 1 and _UNDERLINE.match(line) is not None
        starts_item = _BULLET.match(line) is not None
        if paragraph and (row or heading or underlined or starts_item or not line.strip()):
            level = 1 if line.lstrip().startswith("=") else 2
            yield _Block("heading" if underlined else "text", _plain(" ".join(paragraph)), level)
            paragraph = []
        if row:
            cells = _cells(row[1])
            if _TABLE_RULE.match(line):
                continue
            if table_head:
                yield _Block("row", cells, context=table_head)
            table_head = table_head or cells
            continue
        table_head = ""
        if heading:
            yield _Block("heading", _plain(heading[1]), len(line.lstrip()) - len(line.lstrip().lstrip("#")))
        elif line.strip() and not underlined:
            paragraph.append(_ITEM_MARK.sub("", line))


def _cells(row: str) -> str:
    cells = (_plain(cell) for cell in re.split(r"(?<!\\)\|", row))
    return " | ".join(cell for cell in cells if cell)


def _plain(text: str) -> str:
    """Take away links and emphasis, keep their words."""
    text = _EMPHASIS.sub(r"\2", _LINK.sub(r"\1", text))
    return " ".join(text.split())


def _without_code(lines: Iterable[str]) -> list[str]:
    """Drop fenced blocks; a fence that is never closed is taken for a slip of the pen, and what follows is kept."""
    kept: list[str] = []
    inside: list[str] = []
    opened = ""
    for line in lines:
        fence = _FENCE.match(line)
        if not opened:
            opened = fence[1] if fence else ""
            kept.append("" if fence else line)
        elif fence and fence[1].startswith(opened) and not line.strip().strip("`~"):
            opened, inside = "", []
        else:
            inside.append(line)
    return kept + inside


def _cut(sentence: str) -> Iterator[str]:
    while len(sentence) > LONGEST:
        space = sentence.rfind(" ", 1, LONGEST + 1)
        end = space if space > 0 else LONGEST
        yield sentence[:end].strip()
        sentence = sentence[end:].strip()
    yield sentence


def _has_words(sentence: str) -> bool:
    """A lone word or a rule of dashes answers nothing; languages without spaces are told by their letters."""
    return re.search(r"\w\W+\w|[^\W\x00-\x7f]{4}", sentence) is not None
