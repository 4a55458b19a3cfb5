"""Configs of Runnables, put together from their parts alone."""

from __future__ import annotations

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs, var_child_runnable_config


def merged(*configs: RunnableConfig) -> RunnableConfig:
    """Merge configs, the later ones over the earlier.

    LangChain's `merge_configs` fills what a config leaves out from the one in force where it is called: within a slot,
    that is the slot's, and its metadata and namespace would replace those of the mixture that is nested there.
    """
    token = var_child_runnable_config.set(None)
    try:
        return merge_configs(*configs)
    finally:
        var_child_runnable_config.reset(token)
