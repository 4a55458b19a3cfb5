"""Claims about what a mixture adds to a database of checkpoints, and how much of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, MessagesState, StateGraph

from langgraph_moa import create_moa
from tests.resume.databases import Database
from tests.resume.sizes import KILOBYTE, bytes_of_run, mixture

CONFIG: RunnableConfig = {"configurable": {"thread_id": "1"}}
PROPOSED = "proposed "


def test_a_parent_keeps_the_final_message_only(database: Database) -> None:
    """In its own namespace, a parent of a mixture of three layers has its messages and no byte of a proposal."""
    builder = StateGraph(MessagesState)
    builder.add_node("moa", create_moa(mixture(PROPOSED * 100, proposers=3, layers=3)))
    builder.add_edge(START, "moa")
    builder.add_edge("moa", END)
    with database.saver() as saver:
        graph = builder.compile(checkpointer=saver)
        graph.invoke({"messages": [HumanMessage("q")]}, CONFIG)
        own = list(saver.list({"configurable": {"thread_id": "1", "checkpoint_ns": ""}}))
        last, *_ = own
        assert [message.content for message in last.checkpoint["channel_values"]["messages"]] == ["q", "answer"]
        assert set(last.checkpoint["channel_values"]) == {"messages"}
        kept: list[Any] = [(item.checkpoint["channel_values"], item.metadata, item.pending_writes) for item in own]
    assert PROPOSED.strip() not in repr(kept)
    assert PROPOSED.strip().encode() in database.contents()


def test_sizes_grow_linearly_with_the_answers(database: Database) -> None:
    """Twice the text of every proposal takes twice the bytes, apart from what a run takes in any case."""
    sizes = [bytes_of_run(database, "q", "x" * KILOBYTE * scale, proposers=3) for scale in (1, 2, 4, 8, 16)]
    added = [after - before for before, after in pairwise(sizes)]
    assert [after / before for before, after in pairwise(added)] == pytest.approx([2, 2, 2], rel=0.1)


def test_sizes_grow_linearly_with_the_conversation(database: Database) -> None:
    """Twice the conversation takes twice the bytes, apart from what a run takes in any case."""
    sizes = [bytes_of_run(database, "q" * KILOBYTE * scale, "a", proposers=3) for scale in (8, 16, 32, 64)]
    added = [after - before for before, after in pairwise(sizes)]
    assert [after / before for before, after in pairwise(added)] == pytest.approx([2, 2], rel=0.1)


def test_the_conversation_is_not_copied_for_every_proposer(database: Database) -> None:
    """A conversation of 200 kB takes nearly the same bytes with eight proposers as with two."""
    conversation = "q" * 200 * KILOBYTE
    two, eight = (bytes_of_run(database, conversation, "a", proposers=number) for number in (2, 8))
    assert eight < 1.1 * two
