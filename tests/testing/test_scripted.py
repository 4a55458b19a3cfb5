"""Claims about the scripted chat model."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langgraph_moa.testing import ScriptedChatModel


def test_replies_come_in_turn_and_the_last_stays() -> None:
    """Replies are given one for each call; the last is given again and again."""
    model = ScriptedChatModel(replies=["one", AIMessage("two")])
    assert [model.invoke("q").content for _ in range(3)] == ["one", "two", "two"]


def test_an_exception_is_raised() -> None:
    """An exception in the script is raised by that call alone."""
    model = ScriptedChatModel(replies=[ConnectionError("down"), "up"])
    with pytest.raises(ConnectionError):
        model.invoke("q")
    assert model.invoke("q").content == "up"


async def test_a_function_sees_the_request() -> None:
    """A function of the request decides, in synchronous and asynchronous calls."""
    model = ScriptedChatModel(replies=lambda messages: f"{len(messages)} messages")
    assert model.invoke([HumanMessage("a"), HumanMessage("b")]).content == "2 messages"
    assert (await model.ainvoke("a")).content == "1 messages"
    assert [len(request) for request in model.requests] == [2, 1]


@pytest.mark.parametrize("text", ["", " ", "one", " one  two\n", "three words here"])
async def test_streams_add_up(text: str) -> None:
    """The chunks of a stream add up to the message of a call, usage and metadata included."""
    usage: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    model = ScriptedChatModel(replies=text, usage=usage)
    chunks = list(model.stream("q"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.content == model.invoke("q").content == text
    assert whole.usage_metadata == usage
    assert whole.response_metadata["finish_reason"] == "stop"
    assert "".join([str(chunk.content) async for chunk in model.astream("q")]) == text
