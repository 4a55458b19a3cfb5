"""Claims about the types in a checkpoint."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langgraph_moa import Layer, Mixture, Proposer, create_moa
from langgraph_moa.testing import ScriptedChatModel
from tests.resume.databases import Database

CONFIG: RunnableConfig = {"configurable": {"thread_id": "1"}}


def strict() -> JsonPlusSerializer:
    """Return what `LANGGRAPH_STRICT_MSGPACK=true` makes of a checkpointer's serializer when LangGraph is imported."""
    return JsonPlusSerializer(allowed_msgpack_modules=None)


def mixture() -> Mixture:
    """Return a mixture with every kind of record: answers, failures, fallbacks, a nested mixture, a layer's merge."""
    inner = Mixture.of([ScriptedChatModel(replies="inner")], ScriptedChatModel(replies="merged"), name="inner")
    failing = ScriptedChatModel(replies=ValueError("down"))
    seats = [
        Proposer(ScriptedChatModel(replies="a", usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3})),
        Proposer(failing, name="failing"),
        Proposer(failing, name="saved", fallbacks=[ScriptedChatModel(replies="b")]),
        Proposer(ScriptedChatModel(replies=""), name="empty"),
        Proposer(inner),
    ]
    return Mixture([Layer(seats, aggregator=ScriptedChatModel(replies="m")), Layer(seats)], ScriptedChatModel())


def strangers(value: object) -> set[type]:
    """Return the types in a value that are not plain data or messages."""
    if isinstance(value, dict):
        return {kind for pair in value.items() for item in pair for kind in strangers(item)}
    if isinstance(value, list | tuple):
        return {kind for item in value for kind in strangers(item)}
    plain = value is None or type(value) in {str, int, float, bool} or isinstance(value, BaseMessage)
    return set() if plain else {type(value)}


def test_a_strict_serializer_refuses_other_types() -> None:
    """The serializer of these tests would give no object of ours back."""
    database = Database("sqlite", "nowhere")
    assert strict().loads_typed(strict().dumps_typed(database)) != database


def test_a_strict_checkpointer_gives_back_what_went_in(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Every value of every checkpoint and every pending write is plain data or a message, and nothing is logged."""
    recipe = mixture()
    with database.saver() as saver:
        saver.serde = strict()
        graph = create_moa(recipe, checkpointer=saver)
        out = graph.invoke({"messages": [HumanMessage("q")]}, CONFIG)
        state = graph.get_state(CONFIG).values
        saved: list[Any] = [(item.checkpoint["channel_values"], item.pending_writes) for item in saver.list(CONFIG)]
    assert len({proposal["status"] for proposal in out["proposals"]}) == 3
    assert state["proposals"] == out["proposals"]
    assert state["messages"] == out["messages"]
    assert state["layers"]["1"]["synthesis"]["text"] == "m"
    assert strangers(saved) == set()
    assert not [record for record in caplog.records if record.name.partition(".")[0] == "langgraph"]


async def test_a_strict_asynchronous_checkpointer_gives_back_what_went_in(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """The asynchronous checkpointers give every value back too, and log nothing."""
    async with database.async_saver() as saver:
        saver.serde = strict()
        graph = create_moa(mixture(), checkpointer=saver)
        out = await graph.ainvoke({"messages": [HumanMessage("q")]}, CONFIG)
        state = (await graph.aget_state(CONFIG)).values
    assert (state["proposals"], state["messages"]) == (out["proposals"], out["messages"])
    assert not [record for record in caplog.records if record.name.partition(".")[0] == "langgraph"]
