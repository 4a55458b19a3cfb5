"""Keeps secrets from tracers: a callback handler that comes before them and masks what they are about to see.

A provider's client raises with what the provider has said, and a gateway may have said the key. LangChain hands that
exception, and the provider's body with it, to every tracer before the caller of the model can do anything about it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langchain_core.outputs import LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

from langgraph_moa.redaction import redact_data, redact_error


class SecretsAware(BaseCallbackHandler, ABC):
    """A handler that keeps what models say, and so must know the keys that they hold, to mask them."""

    @abstractmethod
    def learn_secrets(self, secrets: Callable[[], Iterable[str]]) -> None:
        """Hear of the keys of a mixture whose run begins.

        Args:
            secrets: Returns those of all its seats; it compares equal for the same graph.
        """


def tell_secrets(config: RunnableConfig, secrets: Callable[[], Iterable[str]]) -> None:
    """Let the handlers of a run know which keys to mask, before any model says anything.

    Args:
        config: Of a node of the run.
        secrets: As in `SecretsAware.learn_secrets`.
    """
    callbacks = config.get("callbacks")
    for handler in callbacks.handlers if isinstance(callbacks, BaseCallbackManager) else callbacks or ():
        if isinstance(handler, SecretsAware):
            handler.learn_secrets(secrets)


class SecretGuard(BaseCallbackHandler):
    """Masks secrets in the events of a model and of all that it calls, for the handlers that come after this one.

    It is synchronous and runs inline, since such a handler is served in its place by asynchronous models and by
    synchronous ones alike. Exceptions are changed in place: they are the ones that the caller will catch.

    Args:
        secrets: Asked for the keys that may stand in what a provider has said, or in the `repr` of a model.
    """

    run_inline = True

    def __init__(self, secrets: Callable[[], Iterable[str]]) -> None:
        self._secrets = secrets

    def __hash__(self) -> int:
        # LangChain makes a set of the handlers when it merges two managers, as for a bound model: what hashes to the
        # lowest number, and was put in first, comes out first.
        return 0

    def on_chat_model_start(self, serialized: dict[str, Any], messages: Any, **kwargs: Any) -> None:  # noqa: ANN401, ARG002
        """Mask the headers and keys that a chat model was built or bound with."""
        self._mask_start(serialized, kwargs)

    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], **kwargs: Any) -> None:  # noqa: ANN401, ARG002
        """Mask the headers and keys that a completion model was built or bound with."""
        self._mask_start(serialized, kwargs)

    def on_chain_start(self, serialized: dict[str, Any], inputs: Any, **kwargs: Any) -> None:  # noqa: ANN401, ARG002
        """Mask the headers and keys in the description of a chain."""
        self._mask_start(serialized, kwargs)

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:  # noqa: ANN401
        """Mask what a provider has said, in the exception and in the result that LangChain makes of its body."""
        known = self._redact(error)
        response = kwargs.get("response")
        if isinstance(response, LLMResult):
            _mask_result(response, known)

    def on_chain_error(self, error: BaseException, **_: Any) -> None:  # noqa: ANN401
        """Mask an exception that leaves a chain or a graph."""
        self._redact(error)

    def on_tool_error(self, error: BaseException, **_: Any) -> None:  # noqa: ANN401
        """Mask an exception that leaves a tool."""
        self._redact(error)

    def on_retriever_error(self, error: BaseException, **_: Any) -> None:  # noqa: ANN401
        """Mask an exception that leaves a retriever."""
        self._redact(error)

    def on_retry(self, retry_state: Any, **_: Any) -> None:  # noqa: ANN401 - tenacity's `RetryCallState`
        """Mask the exception that a call is made again for."""
        outcome = retry_state.outcome
        error = outcome.exception() if outcome is not None else None
        if error is not None:
            self._redact(error)

    @cached_property
    def _held(self) -> tuple[str, ...]:
        """The keys when the first model began: a seat that is a graph calls many, and to look through it takes time."""
        return tuple(self._secrets())

    def _redact(self, error: BaseException) -> tuple[str, ...]:
        known = tuple(self._secrets())
        redact_error(error, known)
        return known

    def _mask_start(self, serialized: dict[str, Any] | None, details: dict[str, Any]) -> None:
        """Mask the tables that every handler is given. Only their first level is changed: the rest may be in use."""
        # A class that cannot be serialised is shown by its `repr`, where no name tells a key.
        known = self._held if (serialized or {}).get("type") == "not_implemented" else ()
        for table in (serialized, details.get("options")):
            _mask(table, known)
        masked = _mask(details.get("invocation_params"), known)
        if isinstance(metadata := details.get("metadata"), dict):
            for name, value in masked.items():
                metadata.setdefault(name, value)  # else LangSmith's tracer adds its own copy of the parameter


def guarded(config: RunnableConfig, secrets: Callable[[], Iterable[str]]) -> RunnableConfig:
    """Return a config whose first callback is a `SecretGuard`, for a model and for all that it calls.

    A model with bound arguments also takes the callbacks that are in force where it is called: see `guarding`.

    Args:
        config: Its callbacks may be missing, a list or a manager; they are not changed.
        secrets: Returns the keys that may stand in an error.
    """
    guard = SecretGuard(secrets)
    callbacks = config.get("callbacks")
    if isinstance(callbacks, BaseCallbackManager):
        manager = callbacks.copy()
        manager.handlers.insert(0, guard)
        manager.inheritable_handlers.insert(0, guard)
        return {**config, "callbacks": manager}
    return {**config, "callbacks": [guard, *(callbacks or [])]}


@contextmanager
def guarding(config: RunnableConfig, secrets: Callable[[], Iterable[str]]) -> Iterator[RunnableConfig]:
    """Give the block a guarded config, which is in force for all Runnables that are called in it.

    Args:
        config: Of the node.
        secrets: Returns the keys that may stand in an error.
    """
    safe = guarded(config, secrets)
    token = var_child_runnable_config.set(safe)
    try:
        yield safe
    finally:
        var_child_runnable_config.reset(token)


def _mask(table: dict[str, Any] | None, known: tuple[str, ...]) -> dict[str, Any]:
    """Mask secrets in a table, and return what was changed."""
    masked = {name: redact_data(value, known, name=name) for name, value in (table or {}).items()}
    changed = {name: value for name, value in masked.items() if table and value != table[name]}
    if table:
        table.update(changed)
    return changed


def _mask_result(response: LLMResult, known: tuple[str, ...]) -> None:
    for generation in (each for choices in response.generations for each in choices):
        message = getattr(generation, "message", None)
        if message is not None:
            metadata = message.response_metadata.items()
            message.response_metadata = {name: redact_data(value, known) for name, value in metadata}
