"""Streamed answers without thoughts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from langgraph_moa.proposal import visible_text
from langgraph_moa.visible import VisibleStream


def _streamed(text: str, cuts: list[int]) -> VisibleStream:
    stream = VisibleStream()
    places = sorted({0, *(cut % (len(text) + 1) for cut in cuts), len(text)})
    for first, last in itertools.pairwise(places):
        stream.feed(text[first:last])
    return stream


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("no thought at all, 1 < 2", id="plain"),
        pytest.param("<think>hm</think>\n\nThe answer", id="before"),
        pytest.param("A <think>hm</think> B<think>x</think>C", id="between"),
        pytest.param("ends with <th", id="looks-like-a-mark"),
        pytest.param("names the <think> mark without closing it", id="unclosed-later"),
        pytest.param("<think>never ends", id="only-thought"),
    ],
)
@given(cuts=st.lists(st.integers(min_value=0, max_value=60), max_size=8))
def test_any_cut_gives_the_visible_text(text: str, cuts: list[int]) -> None:
    """However a text is cut, what is shown and the rest at the end are its visible text."""
    stream = _streamed(text, cuts)
    whole = visible_text(AIMessage(text))
    assert stream.shown + str(stream.rest(whole)) == whole


def test_a_thought_without_a_beginning_cannot_be_continued() -> None:
    """When something was shown that turns out to be hidden, the whole answer must be shown again."""
    stream = _streamed("hm</think>\nanswer", [])
    assert stream.rest("answer") is None
