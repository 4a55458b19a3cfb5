"""Claims about this project's simulator: what it sends has the fields that a server of others sends, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from langgraph_moa.testing import Behaviour, Simulator, ToolCall
from tests.contract.aimock import Aimock, Fixture, fails, says

MODEL = "any-model"
NOT_NEEDED = {"choices[].logprobs"}
"""Optional in OpenAI's protocol, and without content unless it was asked for."""
TOOL = {"type": "function", "function": {"name": "measure", "parameters": {"type": "object", "properties": {}}}}
CALLS: Fixture = {
    "match": {"model": MODEL},
    "response": {
        "toolCalls": [{"name": "measure", "arguments": {"floors": [1]}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    },
}
TOO_LONG: Fixture = {
    "match": {"model": MODEL},
    "response": {
        "error": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"},
        "status": 400,
    },
}


class Case(NamedTuple):
    """The same conduct, as our simulator and as aimock are told it."""

    name: str
    behaviour: Behaviour
    fixture: Fixture
    more: dict[str, Any]
    """Further fields of the request."""


CASES = [
    Case("text", Behaviour(reply="one two"), says(MODEL, "one two"), {}),
    Case("tool call", Behaviour(tool_calls=[ToolCall(name="measure")]), CALLS, {"tools": [TOOL]}),
    Case("rate limit", Behaviour(status=429, retry_after=2), fails(MODEL, 429, retry_after=2), {}),
    Case("server error", Behaviour(status=500), fails(MODEL, 500), {}),
    Case("context length", Behaviour(schedule=["context_length"]), TOO_LONG, {}),
]


class Response(NamedTuple):
    """What can be compared of a response."""

    status: int
    content_type: str
    retry_after: str | None
    fields: set[str]
    """Paths of all keys, over all events of a stream."""
    code: str | None
    """Of an error."""
    is_ended: bool
    """Whether a stream ends with its mark."""


@pytest.fixture
def own() -> Iterator[Simulator]:
    """Start this project's simulator."""
    with Simulator() as running:
        yield running


def fields_of(value: Any, path: str = "") -> set[str]:
    """Return the paths of all keys in a JSON value; the items of a list share one path."""
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        return {f"{prefix}{key}" for key in value}.union(
            *(fields_of(item, f"{prefix}{key}") for key, item in value.items())
        )
    return set().union(*(fields_of(item, f"{path}[]") for item in value)) if isinstance(value, list) else set()


async def post(client: Any, url: str, content: str) -> Response:
    """Send a chat request."""
    response = await client.post(
        f"{url}/chat/completions", content=content, headers={"content-type": "application/json"}
    )
    content_type = response.headers["content-type"].partition(";")[0]
    if content_type == "text/event-stream":
        data = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
        is_ended, parts = data[-1] == "[DONE]", [json.loads(item) for item in data if item != "[DONE]"]
    else:
        is_ended, parts = False, [response.json()]
    return Response(
        response.status_code,
        content_type,
        response.headers.get("retry-after"),
        set().union(*(fields_of(part) for part in parts)),
        parts[0].get("error", {}).get("code"),
        is_ended,
    )


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_responses_have_the_same_fields(
    own: Simulator, aimock: Aimock, http_clients: dict[str, Any], case: Case, *, streams: bool
) -> None:
    """Status, type, `Retry-After`, error code, the end of a stream and the names of all fields are the same."""
    own.behaviour = case.behaviour
    aimock.answer(case.fixture)
    streaming = {"stream": True, "stream_options": {"include_usage": True}} if streams else {}
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "why?"}], **case.more, **streaming})
    ours, theirs = [await post(http_clients["http_async_client"], url, body) for url in (own.url, aimock.base_url)]
    assert ours._replace(fields=set()) == theirs._replace(fields=set())
    assert ours.fields - theirs.fields == set()
    assert theirs.fields - ours.fields <= NOT_NEEDED


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"text"', '{"model": "any-model"}'])
async def test_what_is_no_chat_request_is_refused(
    own: Simulator, aimock: Aimock, http_clients: dict[str, Any], content: str
) -> None:
    """A body that is no chat request gets a 400 in OpenAI's shape from both."""
    ours, theirs = [await post(http_clients["http_async_client"], url, content) for url in (own.url, aimock.base_url)]
    assert (ours.status, theirs.status) == (400, 400)
    assert "error.message" in ours.fields & theirs.fields
