"""Claims about this project's simulator: a real client cannot tell it from servers that others wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langchain_together import ChatTogether
from pydantic import SecretStr

from langgraph_moa.testing import Behaviour, Simulator, ToolCall
from tests.contract.aimock import Aimock, Fixture, fails, says

MODEL = "any-model"
ASKED = [HumanMessage("Which tower is the tallest?")]
AFTER_A_TOOL = [
    SystemMessage("Be brief."),
    *ASKED,
    AIMessage("", tool_calls=[{"name": "measure", "args": {"building": "Skytree"}, "id": "call_1"}]),
    ToolMessage("634 m", tool_call_id="call_1"),
]
TEXT = "  1. «Burj Khalifa»\n\n2. 哈利法塔 😀 — 828 m, {braces} & <tags>\n"
CALLS = ({"building": "«Skytree»", "floors": [1, 2]}, {"building": "a\nb", "floors": []})
BOTH_CLIENTS = [ChatOpenAI, ChatTogether]
AnyClient = type[ChatOpenAI | ChatTogether]


class Seen(NamedTuple):
    """What a client makes of one request."""

    text: str = ""
    tool_calls: tuple[tuple[str, str], ...] = ()
    """Name and arguments of each."""
    finish_reason: str | None = None
    served_model: str | None = None
    counts_tokens: bool = False
    error: str | None = None
    """Class of the exception."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """The same conduct, as our simulator and as aimock are told it."""

    name: str
    behaviour: Behaviour
    fixture: Fixture
    messages: list[Any]
    bind_tools: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the request, where no tools are bound."""


def answer(name: str, behaviour: Behaviour, response: Fixture, **more: Any) -> Case:
    """Return a case in which aimock gives that response."""
    fixture = {"match": {"model": MODEL}, "response": {**says(MODEL, TEXT)["response"], **response}}
    return Case(name=name, behaviour=behaviour, fixture=fixture, **{"messages": ASKED, **more})


def fault(name: str, behaviour: Behaviour, fixture: Fixture) -> Case:
    """Return a case in which the request fails."""
    return Case(name=name, behaviour=behaviour, fixture=fixture, messages=ASKED)


CALLING = Behaviour(tool_calls=[ToolCall(name="measure", arguments=arguments) for arguments in CALLS])
CALLED: Fixture = {
    "match": {"model": MODEL, "toolName": "measure"},
    "response": {
        "toolCalls": [{"name": "measure", "arguments": arguments} for arguments in CALLS],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    },
    "chunkSize": 3,
}
TOO_LONG: Fixture = {
    "match": {"model": MODEL},
    "response": {
        "error": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"},
        "status": 400,
    },
}
ANSWERS = [
    answer("text", Behaviour(reply=TEXT), {}),
    answer("text after a tool", Behaviour(reply=TEXT), {}, messages=AFTER_A_TOOL, bind_tools=True),
    answer("thinking", Behaviour(reply=TEXT, reasoning="hm"), {"reasoning": "hm"}),
    answer("length", Behaviour(reply="one two", schedule=["length"]), {"content": "one", "finishReason": "length"}),
    Case(name="tool calls", behaviour=CALLING, fixture=CALLED, messages=ASKED, bind_tools=True),
]
STATUSES = [
    fault(f"status {status}", Behaviour(status=status, reply="planned"), fails(MODEL, status))
    for status in (400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503)
]
FAULTS = [
    *STATUSES,
    fault("rate limit", Behaviour(schedule=["rate_limit"], retry_after=1), fails(MODEL, 429, retry_after=1)),
    fault("unavailable", Behaviour(schedule=["unavailable"]), fails(MODEL, 503)),
    fault("context length", Behaviour(schedule=["context_length"]), TOO_LONG),
]
BROKEN_BODIES = [
    fault("malformed", Behaviour(schedule=["malformed"]), {**says(MODEL, TEXT), "chaos": {"malformedRate": 1}}),
    fault("disconnect", Behaviour(schedule=["disconnect"]), {**says(MODEL, TEXT), "chaos": {"disconnectRate": 1}}),
]
BROKEN_STREAM = fault(
    "broken stream",
    Behaviour(reply="many words " * 20, schedule=["disconnect"]),
    {**says(MODEL, "many words " * 20), "chunkSize": 8, "truncateAfterChunks": 3},
)


@pytest.fixture(scope="module")
def simulator_of_all() -> Iterator[Simulator]:
    """Start this project's simulator."""
    with Simulator() as running:
        yield running


@pytest.fixture
def own(simulator_of_all: Simulator) -> Simulator:
    """Return this project's simulator with nothing in its memory."""
    simulator_of_all.reset()
    return simulator_of_all


@tool
def measure(building: str, floors: list[int]) -> str:
    """Measure floors of a building."""
    return f"{building}: {len(floors)}"


async def seen(kind: AnyClient, url: str, http_clients: dict[str, Any], case: Case, *, streams: bool) -> Seen:
    """Send a case's messages with a real client that retries nothing, and return what it makes of the answer."""
    model: Any = kind(
        model=MODEL,
        base_url=url,
        api_key=SecretStr("any"),
        max_retries=0,
        stream_usage=True,
        **http_clients,
    )
    asked = model.bind_tools([measure]) if case.bind_tools else model.bind(**case.options)
    try:
        message = await _streamed(asked, case.messages) if streams else await asked.ainvoke(case.messages)
    except Exception as error:  # noqa: BLE001 - its class is what is compared
        return Seen(error=type(error).__name__)
    usage = message.usage_metadata
    return Seen(
        text=str(message.content),
        tool_calls=tuple((call["name"], repr(call["args"])) for call in message.tool_calls),
        finish_reason=message.response_metadata.get("finish_reason"),
        served_model=message.response_metadata.get("model_name"),
        counts_tokens=usage is not None and usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0,
    )


async def _streamed(model: Any, messages: list[Any]) -> AIMessageChunk:
    chunks = [chunk async for chunk in model.astream(messages)]
    whole: AIMessageChunk = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


async def from_both(
    own: Simulator, foreign: Aimock, http_clients: dict[str, Any], kind: AnyClient, case: Case, *, streams: bool
) -> tuple[Seen, Seen]:
    """Return what the client makes of our simulator and of aimock."""
    own.behaviour = case.behaviour
    foreign.answer(case.fixture)
    ours = await seen(kind, own.url, http_clients, case, streams=streams)
    theirs = await seen(kind, foreign.base_url, http_clients, case, streams=streams)
    return ours, theirs


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("kind", BOTH_CLIENTS)
@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.name)
async def test_answers_are_the_same(
    own: Simulator, aimock: Aimock, http_clients: dict[str, Any], kind: AnyClient, case: Case, *, streams: bool
) -> None:
    """Text, tool calls, the reason to stop, the served model and tokens come out alike, streamed or not."""
    ours, theirs = await from_both(own, aimock, http_clients, kind, case, streams=streams)
    assert ours == theirs
    assert ours.error is None
    assert ours.counts_tokens
    assert bool(ours.text) != bool(ours.tool_calls)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("kind", BOTH_CLIENTS)
@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case.name)
async def test_refusals_are_the_same(
    own: Simulator, aimock: Aimock, http_clients: dict[str, Any], kind: AnyClient, case: Case, *, streams: bool
) -> None:
    """Each HTTP error is the same exception, streamed or not."""
    ours, theirs = await from_both(own, aimock, http_clients, kind, case, streams=streams)
    assert ours == theirs
    assert ours.error is not None


@pytest.mark.parametrize("kind", BOTH_CLIENTS)
@pytest.mark.parametrize("case", BROKEN_BODIES, ids=lambda case: case.name)
async def test_broken_bodies_are_the_same(
    own: Simulator, aimock: Aimock, http_clients: dict[str, Any], kind: AnyClient, case: Case
) -> None:
    """A body that is no JSON, and a connection that ends before the answer, are the same exceptions."""
    ours, theirs = await from_both(own, aimock, http_clients, kind, case, streams=False)
    assert ours == theirs
    assert ours.error is not None


@pytest.mark.parametrize("kind", BOTH_CLIENTS)
async def test_broken_streams_are_the_same(
    own: Simulator, aimock: Aimock, http_clients: dict[str, Any], kind: AnyClient
) -> None:
    """A stream that ends in the middle is the same exception."""
    ours, theirs = await from_both(own, aimock, http_clients, kind, BROKEN_STREAM, streams=True)
    assert ours == theirs
    assert ours.error is not None


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("kind", BOTH_CLIENTS)
async def test_a_real_engine_gives_the_same_kind_of_answer(
    own: Simulator, engine_url: str, http_clients: dict[str, Any], kind: AnyClient, *, streams: bool
) -> None:
    """Our simulator and llama.cpp give messages of one kind: text, a reason to stop, a served model, tokens."""
    case = answer("cut", Behaviour(reply="word " * 100), {}, options={"max_tokens": 8})
    own.behaviour = case.behaviour
    ours = await seen(kind, own.url, http_clients, case, streams=streams)
    theirs = await seen(kind, engine_url, http_clients, case, streams=streams)
    assert ours.error == theirs.error is None
    assert [type(value) for value in ours] == [type(value) for value in theirs]
    assert (ours.counts_tokens, theirs.counts_tokens) == (True, True)
    assert (ours.finish_reason, theirs.finish_reason) == ("length", "length")
