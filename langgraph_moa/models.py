"""A seat's models, ready to be asked: strings become chat models, and every kind of Runnable can be asked alike."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.prompts import BasePromptTemplate
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.base import RunnableBindingBase
from langgraph.pregel.protocol import PregelProtocol
from langgraph.runtime import get_runtime

from langgraph_moa import background
from langgraph_moa.chains import chat_models_in, first_step, is_plain, map_chat_models
from langgraph_moa.clients import (
    base_urls,
    forget_closed_loops,
    in_running_loop,
    moves_between_loops,
    shared_openai_client,
    without_retries,
)
from langgraph_moa.credentials import find_key, key_names, secrets_in
from langgraph_moa.errors import ConfigurationError, MissingKeyError
from langgraph_moa.mixture import Model, model_label
from langgraph_moa.mixture.lengths import answer_length, reserved_length
from langgraph_moa.mixture.naming import limit_names
from langgraph_moa.mixture.seats import Seat, mixture_behind
from langgraph_moa.providers import PROVIDERS, Provider, parse_model_name
from langgraph_moa.replies import Reply, read_reply
from langgraph_moa.retrying import DEFAULT_RETRIES
from langgraph_moa.schemas import AnswerSchema
from langgraph_moa.structured import in_schema
from langgraph_moa.surrogates import well_formed_messages
from langgraph_moa.threads import in_thread


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
        self.max_tokens = answer_length(seat, model)
        """Of its answer at most; `None`: nobody has said."""
        self.room = None if seat.context_window is None else seat.context_window - reserved_length(seat)
        """Tokens that a request may have beside the answer; `None`: nobody has said."""
        self.retries = 0
        """Of a request that failed in passing, besides any that the model makes by itself; known once it was asked."""
        self._parameters = {name: value for name, value in sampling.items() if value is not None}
        self._streams = streams
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Runnable[Any, Any]] = WeakKeyDictionary()
        self._kwargs = dict(seat.model_kwargs) if model == seat.model else {}
        self._given = model
        self._model = model if isinstance(model, str) else self._from_object(model)

    async def ask(
        self,
        messages: Sequence[BaseMessage],
        config: RunnableConfig,
        arguments: Mapping[str, Any],
        schema: AnswerSchema | None = None,
    ) -> Reply:
        """Return the model's answer. A graph is given `{"messages": [...]}`, and so is a prompt that asks for them.

        Args:
            messages: The request.
            config: For traces and streams.
            arguments: For the call, such as `tools`; only a chat model takes any.
            schema: That the answer is asked for in; `None`: prose.

        Raises:
            ConfigurationError: There are arguments, and the model is no chat model.
            TypeError: What came back is no answer.
            Exception: Whatever the model raises.
        """
        runnable = await self._runnable()
        if schema is not None:
            has_tools = bool(arguments.get("tools"))
            runnable, messages = in_schema(runnable, messages, schema.json_schema, has_tools=has_tools)
        runnable = with_arguments(runnable, arguments, self.label)
        messages = well_formed_messages(messages)
        request: Any = {"messages": list(messages)} if _takes_state(runnable) else list(messages)
        if _is_blocking(runnable):
            return read_reply(await in_thread(runnable.invoke, request, config), messages)
        if _must_be_synchronous(runnable):
            return read_reply(await background.in_synchronous_run(runnable.invoke, request, config), messages)
        return read_reply(await runnable.ainvoke(request, config), messages)

    async def connect(self) -> None:
        """Open a connection to the provider by a request that bills nothing; any status will do.

        Raises:
            ConfigurationError: The model is no chat model on the OpenAI SDK.
            APIConnectionError: There is no connection.
        """
        roots = [getattr(model, "root_async_client", None) for model in chat_models_in(await self._runnable())]
        if not roots or roots[0] is None:
            raise ConfigurationError(f"{self.label} has no client of the OpenAI SDK: leave out Aggregator.warm_up")
        from openai import APIStatusError

        with suppress(APIStatusError):
            await roots[0].models.list()

    def identity(self) -> Mapping[str, Any]:
        """Return what tells the model from others, and how it is asked: not its key, nor where its tokens go."""
        held: dict[str, Any] = {}
        model = self._given
        while isinstance(model, RunnableBindingBase):
            held |= {**model.kwargs, **held}
            model = model.bound
        at = sorted(base_urls(model)) if isinstance(model, BaseChatModel) else []
        if isinstance(model, BaseChatModel):
            held |= {**model._identifying_params, **model._get_ls_params()}  # noqa: SLF001 - as LangChain's own cache
        return {"model": self.label, "parameters": self._parameters, "arguments": self._kwargs, "held": held, "at": at}

    @property
    def is_interchangeable(self) -> bool:
        """Whether another seat's model of the same identity is the same: so are chat models that name their model."""
        return is_chat_model(self._given) and ":" in self.label

    @property
    def makes_own_requests(self) -> bool:
        """Whether it is a mixture, each of whose models is asked as one of a seat."""
        return mixture_behind(self._given) is not None

    async def limit_keys(self) -> set[str]:
        """Return the keys of `Mixture.limits` that concern this model: provider, `provider:model`, base URL."""
        model = await self._runnable()
        chat_models = chat_models_in(model) if is_plain(model) else []
        return limit_names(self._given).union(*map(base_urls, chat_models))

    async def profile(self) -> Mapping[str, Any]:
        """Return what a chat model says of itself, such as `image_inputs`; nothing where that is not known."""
        first = first_step(await self._runnable())
        return (first.profile if isinstance(first, BaseChatModel) else None) or {}

    def secrets(self) -> set[str]:
        """Return what must not stand in an error message: the keys that the model is given or holds."""
        return _secrets_of(self._given, self._kwargs)

    def _from_object(self, model: Model) -> Runnable[Any, Any]:
        if not isinstance(model, Runnable):
            msg = f"{self.label} must be compiled with create_moa before it is asked"
            raise ConfigurationError(msg)
        if isinstance(model, BaseChatModel):
            self._refuse_other_names(model)
            single, self.retries = without_retries(model)
            quiet = single if self._streams else single.model_copy(update={"disable_streaming": True})
            return quiet.bind(**self._parameters) if self._parameters else quiet
        if self._parameters:
            kind = type(model).__name__
            msg = f"{', '.join(self._parameters)} goes with a chat model, not {self.label}: set it inside the {kind}"
            raise ConfigurationError(msg)
        return model

    def _refuse_other_names(self, model: BaseChatModel) -> None:
        """Refuse a sampling parameter that the model's class would ignore, since it has another name for it."""
        module = type(model).__module__.partition(".")[0]
        renamed = next((provider.renamed for provider in PROVIDERS.values() if provider.module == module), {})
        for name in self._parameters:
            if name in renamed:
                msg = f"{name} is called {renamed[name]} by {type(model).__name__}: set it on the object"
                raise ConfigurationError(msg)

    async def _runnable(self) -> Runnable[Any, Any]:
        """Return the model with the HTTP client of the running loop, wherever the client is ours to choose."""
        model = self._model
        if not isinstance(model, str) and not any(moves_between_loops(one) for one in chat_models_in(model)):
            return model
        loop = asyncio.get_running_loop()
        ready = self._by_loop.get(loop)
        if ready is None:
            forget_closed_loops(self._by_loop)
            ready = await self._from_string(model) if isinstance(model, str) else await in_running_loop(model)
            self._by_loop[loop] = ready
        return ready

    async def _from_string(self, name: str) -> Runnable[Any, Any]:
        provider = PROVIDERS[parse_model_name(name).provider]
        extra = {"http_async_client": await shared_openai_client()} if provider.openai_client else {}
        build = partial(self._build, name, provider, extra)
        built, left = without_retries(await in_thread(build) if provider.is_slow_to_build else build())
        self.retries = left if not provider.retries_off else _told(self._kwargs.get("max_retries"))
        return built

    def _build(self, name: str, provider: Provider, extra: dict[str, Any]) -> BaseChatModel:
        """Build the chat model of a string."""
        provider_name, model = parse_model_name(name)
        sampling = {provider.renamed.get(parameter, parameter): value for parameter, value in self._parameters.items()}
        arguments: dict[str, Any] = {**sampling, **extra, "disable_streaming": not self._streams, **self._kwargs}
        arguments |= provider.retries_off
        if provider.openai_client:
            arguments.setdefault("stream_usage", True)
        if provider.openai_client and provider.key_variable is not None:
            arguments = _with_own_key(name, provider_name, provider, arguments)
        if provider.factory is not None:
            module, _, function = provider.factory.partition(":")
            factory: Callable[..., BaseChatModel] = getattr(importlib.import_module(module), function)
            return factory(model, **arguments)
        from langchain.chat_models import init_chat_model

        built: BaseChatModel = init_chat_model(model, model_provider=provider_name, **arguments)
        return _without_openai_account(built) if provider_name == "together" else built


def secrets_of(seat: Seat) -> set[str]:
    """Return the keys that a seat's models, fallbacks included, are given or hold."""
    return {
        secret
        for model in seat.models
        for secret in _secrets_of(model, seat.model_kwargs if model == seat.model else {})
    }


def _secrets_of(model: Model, arguments: Mapping[str, Any]) -> set[str]:
    if not isinstance(model, str):
        return secrets_in(model)
    name = parse_model_name(model).provider
    return secrets_in({**arguments, "api_key": find_key(name, PROVIDERS[name], arguments)})


def is_chat_model(model: Model) -> bool:
    """Say whether a model is a chat model, also with bound arguments: its tokens are its answer and nothing else."""
    while isinstance(model, RunnableBindingBase):
        model = model.bound
    return isinstance(model, str | BaseChatModel)


def has_tools(model: Model) -> bool:
    """Say whether a model can call tools of its own: an agent may, and a chat model that was given some."""
    if isinstance(model, RunnableBindingBase):
        return bool(model.kwargs.get("tools")) or has_tools(model.bound)
    return isinstance(model, Runnable) and not is_plain(model)


def with_arguments(model: Runnable[Any, Any], arguments: Mapping[str, Any], label: str) -> Runnable[Any, Any]:
    """Return a chat model that is called with arguments; its `tools` are bound in its provider's own form.

    Args:
        model: A chat model, also with bound arguments, retries or fallbacks.
        arguments: Keyword arguments; `None` stands for none.
        label: Of the model, for the error.

    Raises:
        ConfigurationError: There are arguments, and the model is no chat model.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    if not given:
        return model
    if isinstance(model, RunnableBindingBase):
        return model.model_copy(update={"bound": with_arguments(model.bound, given, label)})
    if "tools" in given and callable(bind_tools := getattr(model, "bind_tools", None)):
        try:
            bound: Runnable[Any, Any] = bind_tools(**given)
        except NotImplementedError:
            raise ConfigurationError(f"{label} cannot call tools: name an aggregator that can") from None
        return bound
    if "tools" not in given and chat_models_in(model):
        return map_chat_models(model, lambda chat_model: chat_model.bind(**given))
    msg = f"{', '.join(given)} can only be given to a chat model, and {label} is none: let a chat model aggregate"
    raise ConfigurationError(msg)


def _told(retries: int | None) -> int:
    return DEFAULT_RETRIES if retries is None else retries


def _with_own_key(name: str, provider_name: str, provider: Provider, arguments: dict[str, Any]) -> dict[str, Any]:
    """Pass the provider's own key on: without one, the client of Together would send OpenAI's."""
    key = find_key(provider_name, provider, arguments)
    if key is None:
        msg = f"{name!r} needs a key: set {provider.key_variable}, or choose another model"
        raise MissingKeyError(msg)
    others = {key: value for key, value in arguments.items() if key not in key_names(provider_name)}
    return {**others, "api_key": key}


def _without_openai_account(model: Any) -> BaseChatModel:  # noqa: ANN401 - a `ChatTogether`, not imported for its type
    """Keep OPENAI_ORG_ID and OPENAI_PROJECT_ID, which the OpenAI SDK reads by itself, from another provider."""
    for client in (model.root_client, model.root_async_client):
        client.organization = client.project = None
    model.client, model.async_client = model.root_client.chat.completions, model.root_async_client.chat.completions
    together: BaseChatModel = model
    return together


def _is_blocking(runnable: Runnable[Any, Any]) -> bool:
    """Say whether a chat model has no asynchronous side: LangChain would run it in one of asyncio's few threads."""
    own = {type(model)._agenerate for model in chat_models_in(runnable)}  # noqa: SLF001 - what a subclass overrides
    return BaseChatModel._agenerate in own and is_plain(runnable)  # noqa: SLF001


def _must_be_synchronous(runnable: Runnable[Any, Any]) -> bool:
    """Say whether a graph must run synchronously, as its caller does: a checkpointer may serve such callers alone."""
    if not background.is_serving() or not isinstance(first_step(runnable), PregelProtocol):
        return False
    info = get_runtime().execution_info
    return info is not None and info.thread_id is not None


def _takes_state(runnable: Runnable[Any, Any]) -> bool:
    """Say whether a Runnable reads a state with messages: a graph does, or a prompt with that variable."""
    first = first_step(runnable)
    if isinstance(first, BasePromptTemplate):
        return "messages" in {*first.input_variables, *first.optional_variables}
    return isinstance(first, PregelProtocol)
