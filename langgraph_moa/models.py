"""A seat's models, ready to be asked: strings become chat models, answers of any kind become messages."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.pregel.protocol import PregelProtocol
from pydantic import SecretStr

from langgraph_moa.clients import shared_openai_client
from langgraph_moa.errors import ConfigurationError, MissingDependencyError, MissingKeyError, MoAError
from langgraph_moa.mixture import Mixture, Model, model_label
from langgraph_moa.mixture.seats import Seat
from langgraph_moa.providers import PROVIDERS, Provider, parse_model_name

NO_KEY = SecretStr("not-needed")
"""Sent to a server on this machine when no key is set: the OpenAI client insists on one."""


class Problem(NamedTuple):
    """Why a mixture cannot be called as things stand."""

    model: str
    error: MoAError
    """`MissingKeyError` or `MissingDependencyError`; its message says what to do."""


class ReadyModel:
    """A model that can be asked from any event loop.

    Args:
        seat: Where it sits; its sampling parameters are sent when they are set.
        model: The seat's model or one of its fallbacks.
        streams: Whether its tokens may be wanted one by one; if not, it is asked without streaming.
    """

    def __init__(self, seat: Seat, model: Model, *, streams: bool) -> None:
        self.label = model_label(model)
        sampling = {"temperature": seat.temperature, "max_tokens": seat.max_tokens}
        self._parameters = {name: value for name, value in sampling.items() if value is not None}
        self._streams = streams
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Runnable[Any, Any]] = WeakKeyDictionary()
        self._kwargs = dict(seat.model_kwargs) if model == seat.model else {}
        self._unbound = model
        self._model = model if isinstance(model, str) else self._from_object(model)

    async def ask(self, messages: Sequence[BaseMessage], config: RunnableConfig) -> AIMessage:
        """Return the model's answer; that of a graph or chain is the last message of its state.

        Raises:
            TypeError: What came back is neither a message, nor text, nor a state with messages.
            Exception: Whatever the model raises.
        """
        model = self._model
        runnable = await self._of_running_loop(model) if isinstance(model, str) else model
        request = {"messages": list(messages)} if isinstance(runnable, PregelProtocol) else list(messages)
        return _as_answer(await runnable.ainvoke(request, config))

    def secrets(self) -> list[str]:
        """Return what must not stand in an error message: the model's own keys."""
        held = self._kwargs.values() if isinstance(self._model, str) else vars(self._unbound).values()
        found = [value.get_secret_value() for value in held if isinstance(value, SecretStr)]
        key = _key(PROVIDERS[parse_model_name(self._model).provider]) if isinstance(self._model, str) else None
        return found if key is None else [*found, key.get_secret_value()]

    def _from_object(self, model: Model) -> Runnable[Any, Any]:
        if isinstance(model, BaseChatModel):
            quiet = model if self._streams else model.model_copy(update={"disable_streaming": True})
            return quiet.bind(**self._parameters) if self._parameters else quiet
        if self._parameters:
            kind = type(model).__name__
            msg = f"{', '.join(self._parameters)} goes with a chat model, not {self.label}: set it inside the {kind}"
            raise ConfigurationError(msg)
        if not isinstance(model, Runnable):
            msg = f"{self.label} must be compiled with create_moa before it is asked"
            raise ConfigurationError(msg)
        return model

    async def _of_running_loop(self, name: str) -> Runnable[Any, Any]:
        loop = asyncio.get_running_loop()
        if loop not in self._by_loop:
            provider = PROVIDERS[parse_model_name(name).provider]
            extra = {"http_async_client": await shared_openai_client()} if provider.openai_client else {}
            self._by_loop[loop] = self._build(name, provider, extra)
        return self._by_loop[loop]

    def _build(self, name: str, provider: Provider, extra: dict[str, Any]) -> BaseChatModel:
        """Build the chat model of a string. The provider's key is passed on, lest another one take its place."""
        provider_name, model = parse_model_name(name)
        sampling = {provider.renamed.get(parameter, parameter): value for parameter, value in self._parameters.items()}
        arguments: dict[str, Any] = {**sampling, **extra, "disable_streaming": not self._streams, **self._kwargs}
        if provider.openai_client:
            arguments.setdefault("stream_usage", True)
            arguments.setdefault("api_key", _key(provider) or NO_KEY)
        if provider.factory is not None:
            module, _, function = provider.factory.partition(":")
            factory: Callable[..., BaseChatModel] = getattr(importlib.import_module(module), function)
            return factory(model, **arguments)
        from langchain.chat_models import init_chat_model

        built: BaseChatModel = init_chat_model(model, model_provider=provider_name, **arguments)
        return built


def problems(mixture: Mixture) -> tuple[Problem, ...]:
    """Say which packages and keys a mixture lacks, each model once, with no call made."""
    found: dict[str, Problem] = {}
    for seat in mixture.seats:
        for model in (seat.model, *seat.fallbacks):
            if isinstance(model, Mixture):
                found |= {problem.model: problem for problem in problems(model)}
            elif isinstance(model, str) and (error := _problem(model, seat)) is not None:
                found[model] = Problem(model, error)
    return tuple(found.values())


def prepare(mixture: Mixture) -> None:
    """Refuse to begin while something is missing, and load the providers' packages: seconds that are no model's.

    Raises:
        MissingKeyError: The first key that is missing; `problems` lists them all.
        MissingDependencyError: The first package that is missing.
    """
    for problem in problems(mixture):
        raise problem.error
    for seat in mixture.seats:
        for model in (seat.model, *seat.fallbacks):
            if isinstance(model, str):
                importlib.import_module(PROVIDERS[parse_model_name(model).provider].module)


def _problem(name: str, seat: Seat) -> MoAError | None:
    provider = PROVIDERS[parse_model_name(name).provider]
    if importlib.util.find_spec(provider.module.partition(".")[0]) is None:
        package = provider.module.replace("_", "-")
        return MissingDependencyError(f"{name!r} needs the package {package}: pip install {package}")
    kwargs = seat.model_kwargs if name == seat.model else {}
    if (
        provider.key_variable is None
        or "api_key" in kwargs
        or _key(provider) is not None
        or _is_local(provider, kwargs.get("base_url"))
    ):
        return None
    return MissingKeyError(f"{name!r} needs a key: set {provider.key_variable}, or choose another model")


def _key(provider: Provider) -> SecretStr | None:
    value = os.environ.get(provider.key_variable or "", "").strip()
    return SecretStr(value) if value else None


def _is_local(provider: Provider, base_url: object) -> bool:
    """Say whether requests stay on this machine, where servers ask for no key."""
    url = base_url or (os.environ.get("OPENAI_BASE_URL") if provider.key_variable == "OPENAI_API_KEY" else None)
    return urlsplit(str(url)).hostname in {"localhost", "127.0.0.1", "::1"} if url else False


def _as_answer(output: object) -> AIMessage:
    if isinstance(output, dict) and output.get("messages"):
        output = output["messages"][-1]
    if isinstance(output, AIMessage):
        return output
    if isinstance(output, BaseMessage):
        return AIMessage(output.content)
    if isinstance(output, str):
        return AIMessage(output)
    msg = f"a model must answer with a message, text or a state with messages, got {type(output).__name__}"
    raise TypeError(msg)
