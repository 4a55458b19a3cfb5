"""Claims about what the providers' own LangChain clients see of a simulated provider."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from functools import reduce
from operator import add
from typing import Any

import openai
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langchain_together import ChatTogether
from pydantic import SecretStr

from langgraph_moa.testing import Behaviour, Fault, Simulator, ToolCall

Client = Callable[..., BaseChatModel]
PATIENCE = 0.3
"""Seconds until a client gives up on a silent server."""


@tool
def look(at: str) -> str:
    """Look at something."""
    return f"seen {at}"


@pytest.fixture(params=[ChatOpenAI, ChatTogether])
async def client(request: pytest.FixtureRequest, simulator: Simulator) -> AsyncIterator[Client]:
    """Make a client that does not retry, over connections that are closed in the end."""
    with openai.DefaultHttpxClient() as synchronous:
        async with openai.DefaultAsyncHttpxClient() as asynchronous:

            def make(**fields: Any) -> BaseChatModel:
                model: BaseChatModel = request.param(
                    base_url=simulator.url,
                    api_key=SecretStr("any"),
                    model="m",
                    **{"max_retries": 0, **fields},
                    http_client=synchronous,
                    http_async_client=asynchronous,
                )
                return model

            yield make


def streamed(model: Any, question: Any = "q") -> AIMessageChunk:
    """Return what a stream adds up to."""
    whole: AIMessageChunk = reduce(add, model.stream(question))
    return whole


async def test_an_answer_is_read_in_every_way(client: Client, simulator: Simulator) -> None:
    """Invoked and streamed, with and without await, a client reads the same text, tokens, reason and model."""
    simulator.behaviour = Behaviour(reply="one  two\nthree")
    model = client(stream_usage=True)
    whole = [await asyncio.to_thread(model.invoke, "a b"), await model.ainvoke("a b")]
    whole += [await asyncio.to_thread(streamed, model, "a b")]
    chunks = [chunk async for chunk in model.astream("a b")]
    whole += [reduce(add, chunks)]
    assert {message.text for message in whole} == {"one  two\nthree"}
    assert len(chunks) >= 3
    for message in whole:
        assert message.usage_metadata is not None
        assert {name: message.usage_metadata[name] for name in ("input_tokens", "output_tokens", "total_tokens")} == {
            "input_tokens": 2,
            "output_tokens": 3,
            "total_tokens": 5,
        }
        assert message.response_metadata["finish_reason"] == "stop"
        assert message.response_metadata["model_name"] == "m"


@pytest.mark.parametrize("fault", [None, "odd_tool_chunks"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_tool_calls_are_read(client: Client, simulator: Simulator, fault: Fault | None, is_streamed: bool) -> None:  # noqa: FBT001
    """Tool calls arrive whole, however their chunks are cut, and their results get an answer."""
    calls = [ToolCall(name="look", arguments={"at": f"the {thing} there"}) for thing in ("cat", "dog", "sky")]
    simulator.behaviour = Behaviour(tool_calls=calls, faults={fault: 1.0} if fault else {}, reply="done")
    model = client().bind_tools([look])
    answer = streamed(model) if is_streamed else model.invoke("q")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
        ("look", json.loads(call.json)) for call in calls
    ]
    assert answer.invalid_tool_calls == []
    results = [ToolMessage("seen", tool_call_id=call["id"]) for call in answer.tool_calls]
    spoken = AIMessage("", tool_calls=answer.tool_calls)
    assert model.invoke([("user", "q"), spoken, *results]).text == "done"


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rate_limit", openai.RateLimitError),
        ("server_error", openai.InternalServerError),
        ("bad_gateway", openai.InternalServerError),
        ("unavailable", openai.InternalServerError),
        ("context_length", openai.BadRequestError),
        ("hang", openai.APITimeoutError),
        ("disconnect", openai.APIConnectionError),
        ("malformed", json.JSONDecodeError),
    ],
)
def test_faults_are_the_clients_errors(
    client: Client,
    simulator: Simulator,
    fault: Fault,
    error: type[Exception],
    is_streamed: bool,  # noqa: FBT001
) -> None:
    """Each fault becomes the client's exception for it, invoked and streamed."""
    simulator.behaviour = Behaviour(reply="one two three four", faults={fault: 1.0})
    model = client(timeout=PATIENCE if fault == "hang" else 30)
    with pytest.raises(error) as caught:
        _ = streamed(model) if is_streamed else model.invoke("q")
    assert simulator.counts["m"] == {"requests": 1, fault: 1}
    if fault == "context_length":
        assert getattr(caught.value, "code", None) == "context_length_exceeded"


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("empty", ""),
        ("refusal", ""),
        ("length", "one two"),
        ("no_usage", "one two three four"),
        ("wrong_model", "one two three four"),
    ],
)
def test_odd_answers_are_answers(
    client: Client,
    simulator: Simulator,
    fault: Fault,
    text: str,
    is_streamed: bool,  # noqa: FBT001
) -> None:
    """Faults of content are no errors: the client reads what was sent."""
    simulator.behaviour = Behaviour(reply="one two three four", faults={fault: 1.0})
    model = client(stream_usage=True)
    answer = streamed(model) if is_streamed else model.invoke("q")
    assert answer.text == text
    assert answer.response_metadata["finish_reason"] == ("length" if fault == "length" else "stop")
    assert answer.response_metadata["model_name"] == ("m-substitute" if fault == "wrong_model" else "m")
    assert (answer.usage_metadata is None) == (fault == "no_usage")
    if fault == "refusal" and not is_streamed:
        assert answer.additional_kwargs["refusal"]


@pytest.mark.parametrize("fault", ["hang", "pings"])
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_cancelled_call_is_seen_to_end(
    client: Client,
    simulator: Simulator,
    fault: Fault,
    is_streamed: bool,  # noqa: FBT001
) -> None:
    """When a caller stops waiting, the server sees the connection close within a moment."""
    simulator.behaviour = Behaviour(faults={fault: 1.0}, ping_interval=0.02)
    model = client(streaming=is_streamed)
    task = asyncio.create_task(model.ainvoke("q"))
    assert await asyncio.to_thread(simulator.wait_for, lambda server: server.in_flight == 1)
    task.cancel()
    cancelled = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(simulator.wait_for, lambda server: server.requests[0].disconnected)
    went = simulator.requests[0].disconnected_at
    assert went is not None
    assert went - cancelled < 2


def test_a_client_waits_as_it_is_told(client: Client, simulator: Simulator) -> None:
    """The client's own retry honours the announced wait, and then passes the bucket."""
    simulator.behaviour = Behaviour(requests_per_minute=120, burst=0.5)
    model = client(max_retries=1)
    assert [model.invoke("q").text for _ in range(2)] == ["ok", "ok"]
    first, turned_away, again = simulator.requests
    assert (first.status, turned_away.status, again.status) == (200, 429, 200)
    assert again.arrived_at - turned_away.arrived_at >= 0.3
