"""Claims about what a chat model's caller wants of the answer, and what a turn has heard before."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, ChatMessage, HumanMessage, ToolMessage

from langgraph_moa.answering import (
    ADVICE,
    AnswerOptions,
    advice_of_turn,
    answering,
    options_for,
    proposed_in_turn,
    references_of_turn,
    told_in_turn,
)

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
    turn: list[AnyMessage] = [HumanMessage("q"), said({"recipe": "r", "references": ["a", "b"]}), RESULT]
    assert references_of_turn(turn, "r") == ("a", "b")
    assert references_of_turn([*turn, said({"recipe": "r", "references": ["c"]}), RESULT], "r") == ("a", "b")
    assert references_of_turn(turn, "another") is None
    for user in (HumanMessage("next"), ChatMessage(content="next", role="user")):
        assert references_of_turn([*turn, user], "r") is None


def test_advisers_are_remembered_each_by_its_name() -> None:
    """What several mixtures have advised stands side by side, and only for the recipes that they were."""
    notes = {name: {"recipe": f"recipe of {name}", "references": [name]} for name in ("m", "n")}
    turn: list[AnyMessage] = [HumanMessage("q"), said(notes, ADVICE), RESULT]
    assert [advice_of_turn(turn, name, f"recipe of {name}") for name in ("m", "n")] == [("m",), ("n",)]
    assert advice_of_turn(turn, "m", "another") is None
    assert advice_of_turn(turn, "another", "recipe of m") is None


@pytest.mark.parametrize(
    "summary",
    [None, "text", {}, {"recipe": "r"}, {"recipe": "r", "references": "a"}, {"recipe": "r", "references": [1]}],
)
def test_what_is_no_list_of_texts_is_no_reference(summary: Any) -> None:
    """Whatever else a message holds under that key, nothing is taken for references."""
    assert references_of_turn([HumanMessage("q"), said(summary), RESULT], "r") is None


PROPOSED = {"layer": 1, "index": 0, "proposer": "a", "model": "m", "text": "yes"}


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        pytest.param([PROPOSED], (PROPOSED,), id="kept"),
        pytest.param(None, (), id="nothing"),
        pytest.param("a", (), id="text"),
        pytest.param(["a"], (), id="texts"),
        pytest.param([PROPOSED, {**PROPOSED, "text": None}], (), id="no-text"),
        pytest.param([{"proposer": "a"}], (), id="half"),
    ],
)
def test_a_turn_remembers_who_has_said_what(kept: Any, expected: tuple[Any, ...]) -> None:
    """What stands beside the references is given back whole, or not at all; another recipe's is nothing."""
    turn: list[AnyMessage] = [HumanMessage("q"), said({"recipe": "r", "references": ["yes"], "proposed": kept}), RESULT]
    assert proposed_in_turn(turn, "r") == expected
    assert proposed_in_turn(turn, "another") == ()


def test_a_turn_tells_what_its_first_answer_told() -> None:
    """Who was asked, who is missing and what was saved is told by the first answer; what is malformed is left out."""
    saved = {"calls": 2, "slots": ["layer_1_c"], "layers": [], "why": "all agree"}
    first = said({"recipe": "r", "references": ["one"], "ok": 2, "missing": [], "saved": saved, "depth": "two"})
    assert told_in_turn([HumanMessage("q"), first, RESULT], "r") == {"ok": 2, "missing": [], "saved": saved}
    assert told_in_turn([HumanMessage("q"), first, RESULT], "another") == {}
