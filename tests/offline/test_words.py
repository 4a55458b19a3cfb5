"""Words and stems."""

from __future__ import annotations

import sys
import threading

import pytest

from langgraph_moa.offline.packaged_docs import packaged_documents
from langgraph_moa.offline.words import _stem, stems, words


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


def test_threads_do_not_disturb_each_other() -> None:
    """Words that many threads stem at once get the stems that one thread alone gives them."""
    vocabulary = sorted({word for document in packaged_documents() for word in words(document.text)})
    alone = {word: stems(word) for word in vocabulary}
    _stem.cache_clear()
    together: list[dict[str, list[str]]] = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda: together.append({word: stems(word) for word in vocabulary}))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert together == [alone] * 8
