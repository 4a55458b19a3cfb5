"""Claims about reading calls and results out of messages, in whatever form they are there."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, FunctionMessage, HumanMessage, ToolMessage

from langgraph_moa.toolcalls import (
    Call,
    Result,
    as_blocks,
    awaited_calls,
    block_call,
    block_result,
    calls_beside_content,
    involves_tools,
    legacy_call,
    message_result,
    spoken,
)


@pytest.mark.parametrize(
    ("block", "call"),
    [
        ({"type": "tool_use", "id": "1", "name": "add", "input": {"a": 1}}, Call("add", '{"a": 1}', "1")),
        ({"type": "tool_call", "id": "1", "name": "add", "args": {}}, Call("add", "{}", "1")),
        ({"type": "function_call", "id": "f", "call_id": "1", "name": "add", "arguments": "{"}, Call("add", "{", "1")),
        ({"type": "server_tool_use", "id": "1", "name": "find", "input": {}}, Call("find", "{}", "1")),
        ({"type": "web_search_call", "id": "1", "action": {"q": "é"}}, Call("web_search_call", '{"q": "é"}', "1")),
        ({"type": "server_tool_call_chunk", "name": "add", "args": '{"a'}, Call("add", '{"a', None)),
        ({"type": "tool_call", "id": 3, "name": None}, Call("tool_call", "{}", None)),
        ({"type": "text", "text": "a call"}, None),
        ({"type": "search_result", "content": []}, None),
        ({"type": ["tool_use"]}, None),
        ("tool_use", None),
    ],
)
def test_calls_in_content_are_read(block: Any, call: Call | None) -> None:
    """A block of any provider's form of a call is read, and no other block is."""
    assert block_call(block) == call


@pytest.mark.parametrize(
    ("block", "result"),
    [
        ({"type": "tool_result", "tool_use_id": "1", "content": "2"}, Result("", "2", "1", failed=False)),
        ({"type": "tool_result", "tool_use_id": "1", "is_error": True}, Result("", "", "1", failed=True)),
        ({"type": "function_call_output", "call_id": "1", "output": "2"}, Result("", "2", "1", failed=False)),
        (
            {"type": "server_tool_result", "tool_call_id": "1", "status": "error", "output": {"code": 3}},
            Result("", '{"code": 3}', "1", failed=True),
        ),
        (
            {"type": "web_search_tool_result", "content": [{"type": "text", "text": "a"}, "b", {"type": "image"}]},
            Result("", "a\nb\n[image]", None, failed=False),
        ),
        ({"type": "search_result", "content": []}, None),
        ({"type": "tool_use"}, None),
        ("tool_result", None),
    ],
)
def test_results_in_content_are_read(block: Any, result: Result | None) -> None:
    """A block of any provider's form of a result is read, and no other block is, such as a document found."""
    assert block_result(block) == result


@pytest.mark.parametrize(
    ("message", "result"),
    [
        (ToolMessage("2", tool_call_id="1", name="add"), Result("add", "2", "1", failed=False)),
        (ToolMessage("no", tool_call_id="1", status="error"), Result("", "no", "1", failed=True)),
        (FunctionMessage(content="2", name="add"), Result("add", "2", None, failed=False)),
        (ChatMessage(content="2", role="tool"), Result("", "2", None, failed=False)),
        (ChatMessage(content="2", role="user"), None),
        (HumanMessage("2"), None),
    ],
)
def test_messages_that_are_results_are_read(message: BaseMessage, result: Result | None) -> None:
    """A message that is a result as a whole is read as one."""
    assert message_result(message) == result


def test_calls_with_broken_arguments_count() -> None:
    """A call whose arguments are no JSON is a call, with what the model wrote; one without any names no tool."""
    invalid: list[Any] = [
        {"name": "add", "args": '{"a', "id": "1", "error": None},
        {"name": "add", "args": None, "id": "2", "error": None},
    ]
    message = AIMessage("", invalid_tool_calls=invalid)
    assert calls_beside_content(message) == [Call("add", '{"a', "1"), Call("", "", "2")]


def test_calls_of_older_forms_are_read() -> None:
    """Calls that only the provider's own fields hold are found."""
    raw = AIMessage("")
    raw.additional_kwargs["tool_calls"] = [{"id": "1", "function": {"name": "add", "arguments": "{}"}}, "odd"]
    legacy = AIMessage("", additional_kwargs={"function_call": {"name": "add", "arguments": "{}"}})
    assert calls_beside_content(raw) == [Call("add", "{}", "1")]
    assert legacy_call(legacy) == Call("add", "{}", None)
    assert legacy_call(raw) is None
    assert involves_tools(raw)
    assert involves_tools(legacy)


def test_a_servers_calls_are_not_awaited() -> None:
    """The result of a call that the provider itself carries out is expected in no message."""
    blocks: list[Any] = [
        {"type": "server_tool_use", "id": "s", "name": "find", "input": {}},
        {"type": "tool_use", "id": "1", "name": "add", "input": {}},
        {"type": "tool_use", "id": "2", "name": "sub", "input": {}},
    ]
    message = AIMessage(blocks, tool_calls=[{"name": "add", "args": {}, "id": "1"}])
    assert [call.identifier for call in awaited_calls(message)] == ["1", "2"]
    assert awaited_calls(HumanMessage(blocks)) == []


def test_wrapped_blocks_are_unwrapped() -> None:
    """What LangChain calls non-standard is seen as what is in it."""
    inner = {"type": "mcp_tool_result", "content": "found"}
    assert as_blocks(AIMessage([{"type": "non_standard", "value": inner}])) == [inner]


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ("a", "a"),
        ({"type": "text", "text": "a"}, "a"),
        ({"type": "output_text", "text": "a"}, "a"),
        ({"type": "thinking", "thinking": "hm", "text": "hm"}, ""),
        ({"type": "image", "base64": "AA=="}, "[image]"),
        ({}, "[attachment]"),
    ],
)
def test_blocks_are_told_as_text(block: Any, text: str) -> None:
    """Text is itself, a thought is nothing, and anything else is a mark."""
    assert spoken(block) == text


def test_arguments_that_json_cannot_hold_are_written_as_python_does() -> None:
    """An argument that contains itself does not stop the reading."""
    odd: dict[str, Any] = {}
    odd["self"] = odd
    call = block_call({"type": "tool_call", "name": "add", "args": odd})
    assert call is not None
    assert call.told == "[called add with {'self': {...}}]"
