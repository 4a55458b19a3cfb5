"""Claims about the turns that a server remembers."""

from __future__ import annotations

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
