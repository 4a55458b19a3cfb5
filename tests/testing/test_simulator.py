"""Claims about the provider simulator."""

from __future__ import annotations

import asyncio

import openai
import pytest

from langgraph_moa.testing import Behaviour, Simulator


def client(simulator: Simulator) -> openai.OpenAI:
    """Return the provider's own client."""
    return openai.OpenAI(base_url=simulator.url, api_key="any", max_retries=0)


def test_a_client_gets_an_answer_with_usage(simulator: Simulator) -> None:
    """The OpenAI client reads the answer, the model and the tokens."""
    simulator.behaviour = Behaviour(reply=lambda body: f"{len(body['messages'])} message")
    with client(simulator) as provider:
        answer = provider.chat.completions.create(model="m", messages=[{"role": "user", "content": "q"}])
    assert answer.choices[0].message.content == "1 message"
    assert answer.model == "m"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 2
    assert "authorization" in simulator.requests[0].headers


def test_a_client_reads_a_stream(simulator: Simulator) -> None:
    """Chunks add up to the answer, and usage comes last when it is asked for."""
    simulator.behaviour = Behaviour(reply="one  two\nthree")
    with client(simulator) as provider:
        chunks = list(
            provider.chat.completions.create(
                model="m",
                messages=[{"role": "user", "content": "q"}],
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "one  two\nthree"
    assert chunks[-1].usage is not None


def test_errors_have_the_provider_s_shape(simulator: Simulator) -> None:
    """An error status becomes the client's own exception."""
    simulator.behaviour = Behaviour(status=429, reply="slow down")
    with client(simulator) as provider, pytest.raises(openai.RateLimitError, match="slow down"):
        provider.chat.completions.create(model="m", messages=[{"role": "user", "content": "q"}])


def test_models_are_listed() -> None:
    """`/v1/models` names the models that have a behaviour of their own."""
    with Simulator(models={"b": Behaviour(), "a": Behaviour()}) as simulator, client(simulator) as provider:
        assert [model.id for model in provider.models.list()] == ["a", "b"]


async def test_a_client_that_goes_is_noticed(simulator: Simulator) -> None:
    """A cancelled request is seen to disconnect."""
    simulator.behaviour = Behaviour(hang=True)
    async with openai.AsyncOpenAI(base_url=simulator.url, api_key="any", max_retries=0) as provider:
        call = asyncio.create_task(
            provider.chat.completions.create(model="m", messages=[{"role": "user", "content": "q"}])
        )
        assert await asyncio.to_thread(simulator.wait_for, lambda server: len(server.requests) == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert await asyncio.to_thread(simulator.wait_for, lambda server: server.requests[0].disconnected)
