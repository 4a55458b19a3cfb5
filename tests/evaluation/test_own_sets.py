"""A user's own questions, as files hold them."""

from __future__ import annotations

from typing import Any

import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.evaluation.own_sets import own_sample
from langgraph_moa.evaluation.samples import Sample


@pytest.mark.parametrize(
    ("table", "sample"),
    [
        ({"id": "a", "question": "Why?"}, Sample("a", ("Why?",))),
        ({"id": 7, "question": "6 x 7?", "target": 42}, Sample("7", ("6 x 7?",), "42")),
        ({"id": "a", "question": "6 x 7?", "answer": "42"}, Sample("a", ("6 x 7?",), "42")),
        ({"id": "a", "question": "6 x 7?", "target": ""}, Sample("a", ("6 x 7?",))),
        ({"id": "a", "turns": ["One?", "Two?"], "target": "2"}, Sample("a", ("One?", "Two?"), "2")),
        ({"id": "a", "question": "Why?", "topic": "why"}, Sample("a", ("Why?",), metadata={"topic": "why"})),
    ],
)
def test_reads_a_question(table: dict[str, Any], sample: Sample) -> None:
    """Question or turns, target or answer, and anything else as metadata."""
    assert own_sample(table) == sample


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"question": "Why?"}, "id must be"),
        ({"id": "a"}, "question must be"),
        ({"id": "a", "question": " "}, "question must be"),
        ({"id": "a", "turns": []}, "turns must be a list"),
        ({"id": "a", "turns": "Why?"}, "turns must be a list"),
        ({"id": "a", "turns": ["Why?", 3]}, "Sample.turns"),
        ({"id": "a", "question": "Why?", "target": ["x"]}, "target must be a text or a number"),
        ({"id": "a", "question": "Why?", "answer": True}, "answer must be a text or a number"),
    ],
)
def test_names_what_is_wrong(table: dict[str, Any], said: str) -> None:
    """A line that is no question says which field is wrong."""
    with pytest.raises(ConfigurationError, match=said):
        own_sample(table)
