"""The HTTP clients under chat models: one for each event loop, closed with the loop, and none that retries by itself.

A client keeps connections that belong to the loop they were opened in: used in another loop, it fails with
"Event loop is closed".
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import os
import ssl
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable

from langgraph_moa.chains import map_chat_models
from langgraph_moa.retrying import DEFAULT_RETRIES

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
_keepers: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncGenerator[None]] = WeakKeyDictionary()
_OLLAMA_PORT = 11434
_PROXIED = frozenset({"http", "https", "all"})
"""For which addresses the environment may name a proxy."""


async def shared_openai_client() -> Any:  # noqa: ANN401 - a client class that the OpenAI SDK exports as a value only
    """Return the running loop's HTTP client for `ChatOpenAI` and the classes built on it."""
    loop = asyncio.get_running_loop()
    client = _clients.get(loop)
    if client is None:
        forget_closed_loops(_clients)
        forget_closed_loops(_keepers)
        client = _clients[loop] = _new_client()
        # An event loop closes the asynchronous generators that it has started, and so this client, when it shuts down.
        keeper = _keepers[loop] = _close_at_shutdown(client)
        await anext(keeper)
    return client


def _new_client() -> Any:  # noqa: ANN401
    """Return a client over aiohttp where the SDK's own client would be one of httpx2 and ask no proxy."""
    from openai import DEFAULT_CONNECTION_LIMITS, DefaultAsyncHttpxClient

    if _http_library() != "httpx2" or not _PROXIED.isdisjoint(getproxies()):
        return DefaultAsyncHttpxClient(verify=tls_context())
    from langgraph_moa.connections import AiohttpTransport

    return DefaultAsyncHttpxClient(transport=AiohttpTransport(tls_context(), DEFAULT_CONNECTION_LIMITS))


def tls_context() -> ssl.SSLContext:
    """Return what the clients of all loops check certificates with: reading them takes some 50 ms.

    As the SDK's own client, it honours `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    """
    return _tls_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.lru_cache(maxsize=4)
def _tls_context(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    context: ssl.SSLContext = importlib.import_module(_http_library()).create_ssl_context()
    return context


def _http_library() -> str:
    """Return the name of the package that the SDK's clients are built on: `httpx2`, `httpx` in older versions."""
    from openai import DefaultAsyncHttpxClient

    return DefaultAsyncHttpxClient.__mro__[1].__module__.partition(".")[0]


async def _close_at_shutdown(client: Any) -> AsyncGenerator[None]:  # noqa: ANN401
    try:
        yield
    finally:
        loop = asyncio.get_running_loop()
        _clients.pop(loop, None)
        await client.aclose()
        _keepers.pop(loop, None)


def forget_closed_loops(by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Any]) -> None:
    """Let go of what belongs to loops that were closed, clients and their sockets when nobody shut the loop down.

    Other threads may put in what belongs to their loops meanwhile, or take it out.
    """
    for reference in by_loop.keyrefs():  # a list, where iterating would fail when another thread changes the mapping
        loop = reference()
        if loop is not None and loop.is_closed():
            by_loop.pop(loop, None)


def moves_between_loops(model: BaseChatModel) -> bool:
    """Say whether a chat model's HTTP client can be replaced by the running loop's: OpenAI's own, not a user's."""
    custom = ("http_async_client", "openai_proxy", "http_socket_options")
    has_root = hasattr(getattr(model, "root_async_client", None), "with_options")
    return has_root and not any(getattr(model, name, None) for name in custom)


async def in_running_loop(model: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """Return a copy of a chat model or chain in which chat models of that kind use the running loop's client."""
    client = await shared_openai_client()

    def moved(chat_model: BaseChatModel) -> BaseChatModel:
        return _with_root(chat_model, http_client=client) if moves_between_loops(chat_model) else chat_model

    return map_chat_models(model, moved)


def without_retries(model: BaseChatModel) -> tuple[BaseChatModel, int]:
    """Return a copy of a chat model whose client does not retry, and the retries that are left to us.

    As many as the model was told to make, or `DEFAULT_RETRIES`. A model that retries by itself and cannot be told not
    to, which is told by `max_retries`, comes back as it is, with none left to us: retries never multiply.
    """
    root: Any = getattr(model, "root_async_client", None)
    if hasattr(root, "with_options"):
        return _with_root(model, max_retries=0).model_copy(update={"max_retries": 0}), root.max_retries
    own = getattr(model, "max_retries", None)
    return model, DEFAULT_RETRIES if own is None else 0


def _with_root(model: Any, **options: Any) -> BaseChatModel:  # noqa: ANN401 - any class on the OpenAI SDK
    """Return a copy of a chat model whose client has other options."""
    root = model.root_async_client
    changed = root.with_options(**options)
    changed.organization, changed.project = root.organization, root.project  # it looks for missing ones elsewhere
    update = {"root_async_client": changed, "async_client": changed.chat.completions}
    copy: BaseChatModel = model.model_copy(update=update)
    return copy


def base_urls(model: BaseChatModel) -> set[str]:
    """Return the address that a chat model's requests go to, as far as the model tells it."""
    holders = (getattr(model, "root_async_client", None), model)
    names = ("base_url", "openai_api_base", "anthropic_api_url", "groq_api_base", "endpoint", "endpoint_url")
    found = {str(value) for holder in holders for name in names if (value := getattr(holder, name, None))}
    if type(model).__module__.startswith("langchain_ollama"):
        found = {ollama_url(next(iter(found), None))}
    return {url for url in found if "://" in url}


def ollama_url(given: str | None) -> str:
    """Return the address at which Ollama is asked: that of the model, of `OLLAMA_HOST`, or on this machine."""
    host = given or os.environ.get("OLLAMA_HOST", "").strip() or "127.0.0.1"
    if "://" in host:
        return host
    return f"http://{host}" if urlsplit(f"//{host}").port else f"http://{host}:{_OLLAMA_PORT}"
