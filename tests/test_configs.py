"""Claims about merged configs."""

from __future__ import annotations

from langchain_core.runnables import RunnableConfig, RunnableLambda

from langgraph_moa.configs import merged


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
