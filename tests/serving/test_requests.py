"""Claims about reading requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from langgraph_moa.serving.failures import RequestFailure
from langgraph_moa.serving.requests import ChatRequest, read_json, read_request

MESSAGES = [{"role": "user", "content": "Hello"}]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    *ChatRequest.__dataclass_fields__,
    "n",
    "stream",
    "stream_options",
    "response_format",
    "tools",
    "top_p",
    "role",
]


def status_of(read: Callable[[], object]) -> int:
    """Return the status that a client gets."""
    try:
        read()
    except RequestFailure as failure:
        return failure.status
    return 200


@given(st.dictionaries(st.sampled_from(FIELDS), anything))
def test_any_object_is_read_or_refused(body: dict[str, Any]) -> None:
    """Whatever JSON a client sends is read, or refused with 400; nothing else is raised."""
    assert status_of(lambda: read_request(body)) in (200, 400)


@example(b'{"":Infinity}')
@given(st.binary(max_size=40) | anything.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """Whatever bytes a client sends are a JSON object, or refused with 400."""
    assert status_of(lambda: read_json(body)) == (200 if body[:1] == b"{" and is_json(body) else 400)


def is_json(body: bytes) -> bool:
    """Say whether bytes are JSON, which knows no `NaN` and no `Infinity`."""

    def refused(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(body, parse_constant=refused)
    except ValueError:
        return False
    return True


def test_fields_are_read() -> None:
    """Each field of OpenAI's protocol arrives where the mixture is told of it; unknown ones are passed over."""
    found = read_request(
        {
            "model": "panel",
            "messages": MESSAGES,
            "temperature": 0.5,
            "max_tokens": 7,
            "max_completion_tokens": 9,
            "stop": "END",
            "n": 2,
            "stream": True,
            "stream_options": {"include_usage": True},
            "top_p": 0.9,
            "seed": 4,
            "user": "somebody",
            "from_the_future": [1],
        }
    )
    assert found == ChatRequest(
        "panel",
        [HumanMessage("Hello")],
        temperature=0.5,
        max_tokens=9,
        stop=["END"],
        arguments={"top_p": 0.9, "seed": 4},
        choices=2,
        streams=True,
        includes_usage=True,
    )


def test_every_role_is_read() -> None:
    """Messages of every role become LangChain's, with their calls of tools and their parts."""
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"at": "sky"}'}}
    picture = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    found = read_request(
        {
            "model": "panel",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "developer", "content": "Be kind."},
                {"role": "user", "content": picture},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "1", "content": "blue"},
            ],
        }
    ).messages
    assert [type(message) for message in found] == [SystemMessage, SystemMessage, HumanMessage, AIMessage, ToolMessage]
    assert found[2].content == picture
    assert isinstance(found[3], AIMessage)
    assert [(made["name"], made["args"]) for made in found[3].tool_calls] == [("look", {"at": "sky"})]


def test_a_schema_gets_its_name() -> None:
    """A `response_format` becomes a JSON schema with its name as the title."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "City", "schema": schema, "strict": True}}
    assert read_request({"model": "m", "messages": MESSAGES, "response_format": form}).schema == {
        **schema,
        "title": "City",
    }


def test_a_schema_and_tools_exclude_each_other() -> None:
    """Tools beside a schema are refused: the answer would be either."""
    form = {"type": "json_schema", "json_schema": {"name": "C", "schema": {"properties": {"a": {"type": "string"}}}}}
    tools = [{"type": "function", "function": {"name": "look"}}]
    with pytest.raises(RequestFailure, match="exclude each other"):
        read_request({"model": "m", "messages": MESSAGES, "response_format": form, "tools": tools})
