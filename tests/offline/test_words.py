"""Words and stems."""

from __future__ import annotations

import pytest

from langgraph_moa.offline.words import stems, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Plain Words, 3.11!", ["plain", "words", "3", "11"], id="plain"),
        pytest.param("snake_case", ["snake", "case"], id="snake-case"),
        pytest.param("QuorumError", ["quorumerror", "quorum", "error"], id="camel-case"),
        pytest.param("OPENAI_API_KEY", ["openai", "api", "key"], id="capitals"),
        pytest.param("\u6a21\u578b ok", ["\u6a21", "\u578b", "ok"], id="chinese"),
        pytest.param("gr\u00f6\u00dfer", ["gr\u00f6\u00dfer"], id="umlaut"),
        pytest.param("", [], id="empty"),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    """Names are taken apart, case and marks are dropped."""
    assert words(text) == expected


def test_stems() -> None:
    """Forms of one word have one stem, and common words have none."""
    assert stems("How are the proposers proposing?") == stems("proposer, proposed") == ["propos", "propos"]
