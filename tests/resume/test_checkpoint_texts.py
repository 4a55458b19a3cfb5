"""Claims about unusual characters on their way through a database and back."""

from __future__ import annotations

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig

from langgraph_moa import Mixture, Proposer, create_moa
from langgraph_moa.testing import ScriptedChatModel
from tests.resume.databases import Database

CONFIG: RunnableConfig = {"configurable": {"thread_id": "1"}}
TEXTS = {
    "nul": "before\x00after",
    "controls": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f",
    "bidi": "user\u202e\u2066 edoc \u2069\u202c\u200f",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 \U0010ffff",
    "separators": "one\u2028two\u2029three\x85four\r\nfive",
    "zero width": "a\u200bb\ufeffc\u00add",
    "quotes": "'; DROP TABLE checkpoints; -- \" \\ \\u0000 %s $1 {0}",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_any_text_survives_a_database(database: Database, text: str) -> None:
    """A question, its proposals and its answer come back byte for byte, and a resumed run shows them to the model."""
    aggregator = ScriptedChatModel(replies=text)
    recipe = Mixture.of([Proposer(ScriptedChatModel(replies=text), samples=2)], aggregator, depth=3)
    with database.saver() as saver:
        graph = create_moa(recipe, checkpointer=saver, interrupt_before=["aggregator"])
        graph.invoke({"messages": [HumanMessage(text)]}, CONFIG)
    with database.saver() as saver:
        resumed = create_moa(recipe, checkpointer=saver)
        resumed.invoke(None, CONFIG)
        state = resumed.get_state(CONFIG).values
    assert [message.content for message in state["messages"]] == [text, text]
    assert [proposal["text"] for proposal in state["proposals"]] == [text] * 4
    assert aggregator.requests[0][-1].text.count(text) == 3


async def test_any_text_survives_an_asynchronous_checkpointer(database: Database) -> None:
    """All of it at once comes back byte for byte from the asynchronous checkpointers too."""
    text = "".join(TEXTS.values())
    recipe = Mixture.of([Proposer(ScriptedChatModel(replies=text), samples=2)], ScriptedChatModel(replies=text))
    async with database.async_saver() as saver:
        await create_moa(recipe, checkpointer=saver).ainvoke({"messages": [HumanMessage(text)]}, CONFIG)
    async with database.async_saver() as saver:
        state = (await create_moa(recipe, checkpointer=saver).aget_state(CONFIG)).values
    assert [message.content for message in state["messages"]] == [text, text]
    assert [proposal["text"] for proposal in state["proposals"]] == [text] * 2


def test_a_thread_may_have_any_name_that_the_database_takes(database: Database) -> None:
    """Whatever a thread is called, what is saved under the name is found under it."""
    config: RunnableConfig = {"configurable": {"thread_id": "ünï'\"; 👩‍👧 \u202e\n" + "x" * 500}}
    recipe = Mixture.of([ScriptedChatModel()], ScriptedChatModel(replies="answer"))
    with database.saver() as saver:
        graph = create_moa(recipe, checkpointer=saver)
        graph.invoke({"messages": [HumanMessage("q")]}, config)
        assert graph.get_state(config).values["messages"][-1].content == "answer"


LONE = "before \ud800 after"
"""A lone surrogate: JSON can hold one, as `\\ud800`, and UTF-8 cannot. LangGraph saves it as a question mark."""
REPLACED = "before \ufffd after"


def test_a_lone_surrogate_in_a_proposal_is_replaced_before_it_is_saved(database: Database) -> None:
    """A proposal with what UTF-8 cannot hold has U+FFFD instead, before and after it is saved."""
    recipe = Mixture.of([Proposer(ScriptedChatModel(replies=LONE), samples=2)], ScriptedChatModel(replies="answer"))
    with database.saver() as saver:
        graph = create_moa(recipe, checkpointer=saver)
        out = graph.invoke({"messages": [HumanMessage("q")]}, CONFIG)
        saved = graph.get_state(CONFIG).values
    assert [proposal["text"] for proposal in out["proposals"]] == [REPLACED] * 2
    assert [proposal["text"] for proposal in saved["proposals"]] == [REPLACED] * 2


def test_a_lone_surrogate_in_the_answer_is_replaced_before_it_is_saved(database: Database) -> None:
    """An answer with what UTF-8 cannot hold has U+FFFD instead, before and after it is saved."""
    recipe = Mixture.of([ScriptedChatModel()], ScriptedChatModel(replies=LONE))
    with database.saver() as saver:
        graph = create_moa(recipe, checkpointer=saver)
        out = graph.invoke({"messages": [HumanMessage("q")]}, CONFIG)
        saved = graph.get_state(CONFIG).values
    assert [out["messages"][-1].content, saved["messages"][-1].content] == [REPLACED] * 2
