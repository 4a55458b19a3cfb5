"""Claims about what a chat model's caller wants of the answer, and what a turn has heard before."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from langgraph_moa.answering import ADVICE, AnswerOptions, answering, options_for, references_of_turn

CALL = {"name": "add", "args": {}, "id": "1"}
RESULT = ToolMessage("3", tool_call_id="1")


def said(summary: Any, key: str = "moa") -> AIMessage:
    """Return an answer that calls a tool, with what it says of its run."""
    return AIMessage("", tool_calls=[CALL], response_metadata={key: summary})


def test_options_are_for_one_mixture() -> None:
    """Options are found by the mixture that they are meant for, in the block alone."""
    mine, other = object(), object()
    options = AnswerOptions(arguments={"stop": ["x"]})
    with answering(mine, options):
        assert options_for(mine) is options
        assert options_for(other) is None
        with answering(other, AnswerOptions()):
            assert options_for(mine) is None
        assert options_for(mine) is options
    assert options_for(mine) is None


def test_a_turn_remembers_its_references() -> None:
    """The references of a turn are those that its first answer keeps; a new turn of the user has none yet."""
    turn: list[AnyMessage] = [HumanMessage("q"), said({"mixture": "m", "references": ["a", "b"]}), RESULT]
    assert references_of_turn(turn, "m") == ("a", "b")
    assert references_of_turn([*turn, said({"mixture": "m", "references": ["c"]}), RESULT], "m") == ("a", "b")
    assert references_of_turn(turn, "another") is None
    assert references_of_turn(turn, "m", key=ADVICE) is None
    assert references_of_turn([*turn, HumanMessage("next")], "m") is None


@pytest.mark.parametrize(
    "summary",
    [None, "text", {}, {"mixture": "m"}, {"mixture": "m", "references": "a"}, {"mixture": "m", "references": [1]}],
)
def test_what_is_no_list_of_texts_is_no_reference(summary: Any) -> None:
    """Whatever else a message holds under that key, nothing is taken for references."""
    assert references_of_turn([HumanMessage("q"), said(summary), RESULT], "m") is None
