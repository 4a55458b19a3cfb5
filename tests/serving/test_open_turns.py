"""Claims about the turns that a server remembers."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langgraph_moa.serving.open_turns import OpenTurns


def call(told: str) -> AIMessage:
    """Return an answer that calls a tool under an id that every answer has."""
    made = [{"name": "look", "args": {}, "id": "call_0"}]
    return AIMessage("", tool_calls=made, response_metadata={"moa": {"references": [told]}})


def test_a_turn_is_recalled_in_its_conversation_alone() -> None:
    """What an answer said comes back in its own conversation, and in no other one with the same call."""
    turns = OpenTurns()
    asked = {who: [HumanMessage(f"{who} asks")] for who in ("Alice", "Bob")}
    for who, conversation in asked.items():
        turns.remember("panel", conversation, [call(who)])
    for who, conversation in asked.items():
        sent = AIMessage("", tool_calls=call(who).tool_calls)
        recalled = turns.recall("panel", [*conversation, sent, ToolMessage("x", tool_call_id="call_0")])
        assert recalled[1].response_metadata["moa"]["references"] == [who]
        assert turns.recall("another", [*conversation, sent])[1].response_metadata == {}
    assert turns.recall("panel", [HumanMessage("Eve asks"), sent])[1].response_metadata == {}


def test_turns_have_room_for_so_many_characters_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where turns are long, fewer are remembered: the last ones, and one that is remembered anew counts once."""
    monkeypatch.setattr("langgraph_moa.serving.open_turns._MOST_CHARACTERS", 2_500)
    turns = OpenTurns()
    asked = [HumanMessage(f"question {number}") for number in range(4)]
    for one in (*asked, asked[-1]):
        turns.remember("panel", [one], [call("x" * 1_000)])
    sent = AIMessage("", tool_calls=call("").tool_calls)
    known = [bool(turns.recall("panel", [one, sent])[1].response_metadata) for one in asked]
    assert known == [False, False, True, True]
