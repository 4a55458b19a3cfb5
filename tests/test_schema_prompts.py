"""What models are told about a schema: it is there in full, and the conversation stays what it was."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from langgraph_moa.json_text import read_json
from langgraph_moa.schema_prompts import repair_request, with_schema

SCHEMA = {"title": "Place", "type": "object", "properties": {"city": {"type": "string", "description": "größe"}}}
QUESTION = [SystemMessage("Be short."), HumanMessage("Where?")]
IMAGE = HumanMessage([{"type": "text", "text": "Where?"}, {"type": "image_url", "image_url": {"url": "data:,"}}])


@pytest.mark.parametrize(
    ("messages", "count"),
    [
        pytest.param(QUESTION, 2, id="question"),
        pytest.param([IMAGE], 2, id="blocks"),
        pytest.param([HumanMessage("Where?"), AIMessage("There.")], 3, id="answered"),
        pytest.param([], 1, id="nothing"),
    ],
)
def test_the_schema_stands_at_the_end(messages: list[BaseMessage], count: int) -> None:
    """The schema is the end of a last user message, and what was said before it is still there."""
    asked = with_schema(messages, SCHEMA)
    assert len(asked) == count
    assert isinstance(asked[-1], HumanMessage)
    text = str(asked[-1].content)
    assert read_json(text[text.index("{") :]) == SCHEMA
    assert [one.content for one in asked[: len(messages) - 1]] == [one.content for one in messages[:-1]]


def test_the_given_conversation_is_not_changed() -> None:
    """The messages that were given stay as they are."""
    with_schema(QUESTION, SCHEMA)
    assert QUESTION[-1].content == "Where?"


def test_a_repair_shows_answer_reason_and_schema() -> None:
    """A repair is the request, the answer that failed, and why, with the schema once more."""
    request = repair_request(QUESTION, "Lyon", "city: missing", SCHEMA)
    assert request[:2] == QUESTION
    assert request[2] == AIMessage("Lyon")
    text = str(request[3].content)
    assert "city: missing" in text
    assert read_json(text[text.index("{") :]) == SCHEMA
