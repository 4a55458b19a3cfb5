"""Claims about merged configs."""

from __future__ import annotations

import pytest
from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackHandler
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.runnables.config import merge_configs

from langgraph_moa.configs import has_listeners, merged

HANDLER, ANOTHER = BaseCallbackHandler(), BaseCallbackHandler()


def test_nothing_in_force_gets_in() -> None:
    """What is in force where configs are merged is no part of them, and is in force afterwards."""
    outer = RunnableConfig(tags=["outer"], metadata={"slot": "outer"}, configurable={"thread_id": "outer"})

    def inside(_: object) -> tuple[RunnableConfig, RunnableConfig]:
        one = merged({"metadata": {"slot": "inner", "layer": 1}}, {"metadata": {"layer": 2}, "tags": ["inner"]})
        return one, merged({}, RunnableConfig())

    first, empty = RunnableLambda(inside).invoke(None, outer)
    assert first["metadata"] == {"slot": "inner", "layer": 2}
    assert first["tags"] == ["inner"]
    assert "thread_id" not in first.get("configurable", {})
    assert not empty.get("tags")


@pytest.mark.parametrize(
    "config",
    [
        RunnableConfig(),
        RunnableConfig(tags=["b", "a"], metadata={"layer": 1}, run_name="outer", configurable={"thread_id": "1"}),
        RunnableConfig(tags=None, metadata=None, callbacks=None),  # type: ignore[typeddict-item]
    ],
)
@pytest.mark.parametrize(
    "more", [RunnableConfig(), RunnableConfig(tags=["a", "c"], metadata={"slot": "x"}, run_name="inner")]
)
def test_as_langchain_merges(config: RunnableConfig, more: RunnableConfig) -> None:
    """What is merged is what LangChain makes of the two, once a model has completed it."""
    assert merge_configs(merged(config, more)) == merge_configs(config, more)


def test_callbacks_are_added_to_a_list() -> None:
    """Callbacks come behind those that there are, and the list of the config stays as it was."""
    config = RunnableConfig(callbacks=[HANDLER])
    assert merged(config, {"callbacks": [ANOTHER]})["callbacks"] == [HANDLER, ANOTHER]
    assert config["callbacks"] == [HANDLER]


def test_callbacks_are_added_to_a_manager() -> None:
    """A manager is copied: what is added hears of the new config's runs, and of those below them, alone."""
    manager = AsyncCallbackManager([HANDLER], inheritable_handlers=[HANDLER])
    changed = merged(RunnableConfig(callbacks=manager), {"callbacks": [ANOTHER]})["callbacks"]
    assert isinstance(changed, AsyncCallbackManager)
    assert changed.handlers == changed.inheritable_handlers == [HANDLER, ANOTHER]
    assert manager.handlers == manager.inheritable_handlers == [HANDLER]


@pytest.mark.parametrize("callbacks", [[HANDLER], AsyncCallbackManager([HANDLER])])
def test_a_handler_listens(callbacks: list[BaseCallbackHandler] | AsyncCallbackManager) -> None:
    """A config has listeners when a list or a manager holds a handler."""
    assert has_listeners(RunnableConfig(callbacks=callbacks))


@pytest.mark.parametrize(
    "config", [{}, {"callbacks": None}, {"callbacks": []}, {"callbacks": AsyncCallbackManager([])}]
)
def test_nobody_listens(config: RunnableConfig) -> None:
    """A config without a handler has no listeners."""
    assert not has_listeners(config)
