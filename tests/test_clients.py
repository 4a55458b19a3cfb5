"""Claims about the clients under chat models: who retries, and where requests go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from langchain_together import ChatTogether

from langgraph_moa.clients import base_urls, shared_openai_client, without_retries
from langgraph_moa.retrying import DEFAULT_RETRIES
from langgraph_moa.testing import Behaviour, ScriptedChatModel, Simulator

KINDS: list[Any] = [ChatOpenAI, ChatTogether]
OpenAI, Together = KINDS
AZURE: dict[str, Any] = {
    "azure_deployment": "m",
    "api_version": "2024-10-21",
    "azure_endpoint": "https://us.example",
    "api_key": "k",
}


class Stubborn(ScriptedChatModel):
    """A chat model that retries by itself."""

    max_retries: int = 6


@pytest.fixture
async def http() -> AsyncIterator[Any]:
    """Give an HTTP client that is closed before its loop is."""
    async with openai.DefaultAsyncHttpxClient() as client:
        yield client


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("options", "retries"), [({}, 2), ({"max_retries": 0}, 0), ({"max_retries": 5}, 5)])
async def test_the_retries_of_a_client_become_ours(
    moa_openai_environment: Simulator, http: Any, kind: Any, options: dict[str, int], retries: int
) -> None:
    """The copy makes one request of each call, and with it comes the number that the model was built with."""
    moa_openai_environment.behaviour = Behaviour(status=503, retry_after=0.01)
    quiet, left = without_retries(kind(model="m", http_async_client=http, **options))
    assert left == retries
    with pytest.raises(openai.InternalServerError):
        await quiet.ainvoke("q")
    assert len(moa_openai_environment.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("options", "requests"), [({}, 3), ({"max_retries": 1}, 2)])
async def test_the_object_of_a_user_stays_as_it_is(
    moa_openai_environment: Simulator, http: Any, kind: Any, options: dict[str, int], requests: int
) -> None:
    """A model that was copied holds the same parts as before, and retries as before when it is used directly."""
    moa_openai_environment.behaviour = Behaviour(status=503, retry_after=0.01)
    model = kind(model="m", http_async_client=http, **options)
    before = dict(model.__dict__)
    without_retries(model)
    assert model.__dict__.keys() == before.keys()
    assert all(model.__dict__[name] is value for name, value in before.items())
    with pytest.raises(openai.InternalServerError):
        await model.ainvoke("q")
    assert len(moa_openai_environment.requests) == requests


@pytest.mark.parametrize("kind", KINDS)
async def test_a_copy_is_the_same_model(moa_openai_environment: Simulator, http: Any, kind: Any) -> None:
    """Class, key, address, account, headers and sampling of the copy are those of the original."""
    options = {"temperature": 0.25, "default_headers": {"x-team": "blue"}, "organization": "org-1"}
    model = kind(model="m", api_key="the-key", http_async_client=http, **options)
    quiet, _ = without_retries(model)
    await quiet.ainvoke("q")
    await model.ainvoke("q")
    request, original = moa_openai_environment.requests
    assert request.authorization == original.authorization == "Bearer the-key"
    assert request.headers == original.headers
    assert "x-team" in request.headers
    assert request.body == original.body
    assert request.body["temperature"] == 0.25
    assert base_urls(quiet) == base_urls(model)
    assert type(quiet) is type(model)


async def test_no_account_is_looked_for_elsewhere(
    moa_openai_environment: Simulator, http: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy has no organisation or project that the original has not, though the environment names one by then."""
    model = ChatOpenAI(model="m", http_async_client=http)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-somebody-else")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-somebody-else")
    quiet, _ = without_retries(model)
    await quiet.ainvoke("q")
    [request] = moa_openai_environment.requests
    assert not {"openai-organization", "openai-project"} & request.headers


def test_a_model_that_retries_by_itself_is_not_retried() -> None:
    """One that cannot be told to stop comes back as it is, with none left; one without retries gets the default."""
    stubborn, plain = Stubborn(), ScriptedChatModel()
    assert without_retries(stubborn)[0] is stubborn
    assert without_retries(stubborn)[1] == 0
    assert without_retries(plain)[0] is plain
    assert without_retries(plain)[1] == DEFAULT_RETRIES


@pytest.mark.parametrize(
    ("build", "urls"),
    [
        pytest.param(lambda: OpenAI(model="m", api_key="k"), {"https://api.openai.com/v1"}, id="openai"),
        pytest.param(
            lambda: OpenAI(model="m", api_key="k", base_url="http://h:1/v1"), {"http://h:1/v1"}, id="elsewhere"
        ),
        pytest.param(lambda: Together(model="m", api_key="k"), {"https://api.together.xyz/v1"}, id="together"),
        pytest.param(
            lambda: AzureChatOpenAI(**AZURE),
            {"https://us.example/openai/deployments/m"},
            id="azure",
        ),
        pytest.param(ScriptedChatModel, set(), id="scripted"),
    ],
)
def test_addresses(build: Any, urls: set[str]) -> None:
    """A model tells the address that its requests go to, the default one too; one without a client tells none."""
    model: BaseChatModel = build()
    assert {url.rstrip("/") for url in base_urls(model)} == urls


@pytest.mark.parametrize("kind", KINDS)
def test_an_address_from_the_environment_is_seen(moa_openai_environment: Simulator, kind: Any) -> None:
    """So is one that only the provider's own client has read."""
    assert {url.rstrip("/") for url in base_urls(kind(model="m"))} == {moa_openai_environment.url}


def test_each_loop_has_one_client_that_ends_with_it(moa_openai_environment: Simulator) -> None:
    """All models of a loop share its HTTP client, and the end of the loop closes it."""

    async def clients() -> list[Any]:
        shared = [await shared_openai_client() for _ in range(2)]
        await ChatOpenAI(model="m", http_async_client=shared[0]).ainvoke([HumanMessage("q")])
        return shared

    first, second = asyncio.run(clients()), asyncio.run(clients())
    assert first[0] is first[1]
    assert first[0] is not second[0]
    assert first[0].is_closed
    assert second[0].is_closed
