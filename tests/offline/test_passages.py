"""Splitting documents into sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.offline.passages import LONGEST, Passage, split_passages, split_sentences
from langgraph_moa.prompts import Document

PAGE = """# Title

First sentence, see [the guide](https://example.org/a_(b)). A **second** one
goes on here.

- An item of a list
  with a second line. And another sentence.
- `code_span` stays.

| name | default |
|---|---|
| `quorum` | 1 |

```python
print("Left out. Really.")
```

## Inner

Last words here!
"""


@pytest.mark.parametrize(
    ("paragraph", "sentences"),
    [
        pytest.param("One is here. Two is there? Three!", ["One is here.", "Two is there?", "Three!"], id="plain"),
        pytest.param("It costs 3.50 dollars. Fine.", ["It costs 3.50 dollars.", "Fine."], id="decimal-number"),
        pytest.param("See e.g. Smith et al. 2004 for it.", ["See e.g. Smith et al. 2004 for it."], id="abbreviation"),
        pytest.param("J. Smith wrote it. He did.", ["J. Smith wrote it.", "He did."], id="initial"),
        pytest.param('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."], id="quotation"),
        pytest.param("First. `code` begins this.", ["First.", "`code` begins this."], id="code-after-the-stop"),
        pytest.param("moa 1.2. is out. it goes on", ["moa 1.2. is out. it goes on"], id="small-letter-follows"),
        pytest.param(
            "\u7b2c\u4e00\u53e5\u3002\u7b2c\u4e8c\u53e5\u3002",
            ["\u7b2c\u4e00\u53e5\u3002", "\u7b2c\u4e8c\u53e5\u3002"],
            id="chinese",
        ),
        pytest.param("", [], id="empty"),
    ],
)
def test_sentences(paragraph: str, sentences: list[str]) -> None:
    """A sentence ends at a full stop that is not part of a number, an abbreviation or an initial."""
    assert split_sentences(paragraph) == sentences


def test_markdown() -> None:
    """Marks of Markdown are taken away, code is left out, rows of tables stand alone, headings are context."""
    assert split_passages(Document("page.md", PAGE)) == (
        Passage("First sentence, see the guide.", "page.md", "Title"),
        Passage("A second one goes on here.", "page.md", "Title"),
        Passage("An item of a list with a second line.", "page.md", "Title"),
        Passage("And another sentence.", "page.md", "Title"),
        Passage("`code_span` stays.", "page.md", "Title"),
        Passage("`quorum` | 1", "page.md", "Title / name | default"),
        Passage("Last words here!", "page.md", "Title / Inner"),
    )


def test_underlined_heading() -> None:
    """A line under a line of text makes it a heading."""
    (passage,) = split_passages(Document("a", "Big\n===\n\nSmall\n-----\n\nSome text.\n"))
    assert passage == Passage("Some text.", "a", "Big / Small")


def test_fence_that_is_never_closed() -> None:
    """Text behind a fence that nobody closes is kept."""
    assert [passage.text for passage in split_passages(Document("a", "Before it.\n\n```\n\nAfter it."))] == [
        "Before it.",
        "After it.",
    ]


def test_nothing_but_code() -> None:
    """A document that holds only a code block is read all the same."""
    assert [passage.text for passage in split_passages(Document("a", "```\nretries = 3\n```\n"))] == ["retries = 3"]


def test_text_without_full_stops() -> None:
    """What goes on for too long is cut between words, and no word is lost."""
    text = "word " * 1000
    parts = split_sentences(text)
    assert max(map(len, parts)) <= LONGEST
    assert " ".join(parts).split() == text.split()


@pytest.mark.parametrize("mark", ["<!--", "*a", "[", "[a](", "```x\n", "|a|\n", "> ", "- ", "e.g. A "])
def test_unclosed_marks(mark: str) -> None:
    """A long run of marks that are never closed is read in time that grows with its length only."""
    assert isinstance(split_passages(Document("a", mark * 20_000)), tuple)


@given(st.text())
def test_any_text(text: str) -> None:
    """Any text can be split; a passage is one line, not blank, and not too long."""
    for passage in split_passages(Document("name", text)):
        assert passage.text
        assert passage.text == " ".join(passage.text.split())
        assert len(passage.text) <= LONGEST


@given(st.text(alphabet='aB .!?`"()\n'))
def test_no_word_is_lost(text: str) -> None:
    """Splitting into sentences loses nothing but white space."""
    assert "".join(split_sentences(text)).replace(" ", "") == "".join(text.split())
