"""Text that is safe for a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.printable import is_terminal, one_line, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a\x1b[2Jb", "a[2Jb", id="clear-screen"),
        pytest.param("\x1b]0;title\x07x", "]0;titlex", id="window-title"),
        pytest.param("a\x9b31mb", "a31mb", id="c1-introducer"),
        pytest.param("progress 10%\rprogress 99%", "progress 10%progress 99%", id="carriage-return"),
        pytest.param("one\r\ntwo", "one\ntwo", id="dos-line-end"),
        pytest.param("tab\tand\nline", "tab\tand\nline", id="kept"),
        pytest.param("pay \u202egnp.exe", "pay gnp.exe", id="reversed-writing"),
        pytest.param("naïve 日本語 👩‍🔬", "naïve 日本語 👩‍🔬", id="other-scripts"),
    ],
)
def test_control_characters_are_removed(text: str, shown: str) -> None:
    """Only what could act on the terminal is taken out."""
    assert printable(text) == shown


@given(st.text())
def test_nothing_that_controls_a_terminal_is_left(text: str) -> None:
    r"""Whatever a model writes, no control character but `\n` and `\t` reaches the terminal."""
    assert all(unicodedata.category(char) != "Cc" or char in "\n\t" for char in printable(text))


def test_one_line() -> None:
    """Line ends become blanks."""
    assert one_line(" two\n lines\x1b ") == "two lines"


def test_a_missing_stream_is_no_terminal() -> None:
    """A standard stream that the parent has closed is `None`."""
    assert not is_terminal(None)
