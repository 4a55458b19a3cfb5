"""Claims about the clients under chat models: who retries, and where requests go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from weakref import WeakKeyDictionary

import openai
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from langchain_together import ChatTogether

from langgraph_moa.clients import base_urls, forget_closed_loops, ollama_url, shared_openai_client, without_retries
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


class ChatOllama(ScriptedChatModel):
    """Stands for the class of Ollama's package, which is found by its name."""

    __module__ = "langchain_ollama.chat_models"

    base_url: str | None = None


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
        pytest.param(ChatOllama, {"http://127.0.0.1:11434"}, id="ollama"),
        pytest.param(lambda: ChatOllama(base_url="http://h:1"), {"http://h:1"}, id="ollama-elsewhere"),
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


@pytest.mark.parametrize(
    ("given", "variable", "url"),
    [
        (None, "", "http://127.0.0.1:11434"),
        (None, " box ", "http://box:11434"),
        (None, "box:80", "http://box:80"),
        (None, "[::1]", "http://[::1]:11434"),
        (None, "https://box", "https://box"),
        ("http://h:1", "box", "http://h:1"),
        ("h", "box", "http://h:11434"),
    ],
)
def test_where_ollama_is_asked(monkeypatch: pytest.MonkeyPatch, given: str | None, variable: str, url: str) -> None:
    """The address of the model comes before that of `OLLAMA_HOST`, and without either it is this machine's."""
    monkeypatch.setenv("OLLAMA_HOST", variable)
    assert ollama_url(given) == url


def test_closed_loops_are_forgotten_while_other_threads_open_theirs() -> None:
    """What other threads put in or take out while closed loops are looked for does no harm, and stays or goes."""
    by_loop: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

    class Loop:
        """An event loop that lets another thread's work happen when it is asked whether it is closed."""

        def is_closed(self) -> bool:
            """Say so, after a loop was opened and another one forgotten elsewhere."""
            by_loop[opened] = "opened"
            by_loop.pop(self, None)
            return True

    opened = asyncio.new_event_loop()
    loops = [Loop() for _ in range(3)]
    by_loop.update(dict.fromkeys(loops, "closed"))
    forget_closed_loops(by_loop)
    assert dict(by_loop) == {opened: "opened"}
    opened.close()
    forget_closed_loops(by_loop)
    assert not by_loop


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
