"""Configs of Runnables, put together from their parts alone."""

from __future__ import annotations

from typing import Any, cast

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langchain_core.runnables import RunnableConfig


def merged(config: RunnableConfig, *more: RunnableConfig) -> RunnableConfig:
    """Return a config with more in it: tags and callbacks are added, metadata is put over, and the rest replaced.

    LangChain's `merge_configs` fills what a config leaves out from the one in force where it is called: within a slot,
    that is the slot's, and its metadata and namespace would replace those of the mixture that is nested there. It also
    completes both, which the model does again.

    Args:
        config: Its callbacks may be missing, a list or a manager; they are not changed.
        more: Callbacks of these are lists.
    """
    result: dict[str, Any] = dict(config)
    for part in more:
        for key, value in part.items():
            if key == "tags":
                result["tags"] = sorted({*(result.get("tags") or ()), *cast("list[str]", value)})
            elif key == "metadata":
                result["metadata"] = {**(result.get("metadata") or {}), **cast("dict[str, Any]", value)}
            elif key == "callbacks":
                result["callbacks"] = _with_handlers(result, cast("list[BaseCallbackHandler]", value))
            else:
                result[key] = value
    return cast("RunnableConfig", result)


def has_listeners(config: RunnableConfig) -> bool:
    """Say whether any callback hears of what happens under a config."""
    callbacks = config.get("callbacks")
    return bool(callbacks.handlers if isinstance(callbacks, BaseCallbackManager) else callbacks)


def _with_handlers(config: dict[str, Any], handlers: list[BaseCallbackHandler]) -> object:
    callbacks = config.get("callbacks")
    if not isinstance(callbacks, BaseCallbackManager):
        return [*(callbacks or ()), *handlers]
    manager = callbacks.copy()
    for handler in handlers:
        manager.add_handler(handler, inherit=True)
    return manager
