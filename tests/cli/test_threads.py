"""Chats in SQLite."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from langgraph_moa import Mixture, QuorumError
from langgraph_moa.cli.failures import UnsavedChatError
from langgraph_moa.cli.notes import Notes
from langgraph_moa.cli.plain import PlainView
from langgraph_moa.cli.running import Answer
from langgraph_moa.cli.threads import Conversation, ThreadSummary, database, list_threads, new_thread, open_saver

SILENT = PlainView(Notes(quiet=True), prints=False)


async def _good(messages: list[Any]) -> AIMessage:
    return AIMessage(f"seen {len(messages)}")


async def _bad(messages: list[Any]) -> AIMessage:
    raise RuntimeError


async def _hanging(messages: list[Any]) -> AIMessage:
    await asyncio.Event().wait()
    return AIMessage("never")


def _conversation(saver: AsyncSqliteSaver, proposer: Any = _good, thread: str = "t") -> Conversation:
    mixture = Mixture.of([RunnableLambda(proposer)], RunnableLambda(_good), name="scripted")
    return Conversation(mixture, thread, saver, database())


def _texts(messages: list[Any]) -> list[str]:
    return [str(message.content) for message in messages]


async def test_a_turn_adds_two_messages() -> None:
    """Each turn adds the question and the answer, and the next one sees them; opened again, they are still there."""
    for turn in range(3):
        async with open_saver(database()) as saver:
            conversation = _conversation(saver)
            assert len(await conversation.messages()) == 2 * turn
            answer = await conversation.turn(HumanMessage(f"question {turn}"), SILENT)
            assert answer.text == f"seen {2 * turn + 1}"
            assert len(await conversation.messages()) == 2 * (turn + 1)


async def test_a_failed_turn_leaves_nothing_behind() -> None:
    """After a failed run the question is dropped, and the next turn is as if it had not been asked."""
    async with open_saver(database()) as saver:
        await _conversation(saver).turn(HumanMessage("one"), SILENT)
        with pytest.raises(QuorumError):
            await _conversation(saver, _bad).turn(HumanMessage("two"), SILENT)
        assert await _conversation(saver).drop_unanswered() == "two"
        await _conversation(saver).turn(HumanMessage("three"), SILENT)
        assert _texts(await _conversation(saver).messages()) == ["one", "seen 1", "three", "seen 3"]


async def test_a_cancelled_turn_leaves_nothing_behind() -> None:
    """The same after a cancelled run, also when it was the first."""
    async with open_saver(database()) as saver:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_conversation(saver, _hanging).turn(HumanMessage("one"), SILENT), 0.1)
        await _conversation(saver).drop_unanswered()
        assert await _conversation(saver).messages() == []
        assert await _conversation(saver).drop_unanswered() is None


async def test_a_closed_output_does_not_keep_a_turn_from_being_saved() -> None:
    """When the reader of the answer has gone, the turn is saved before the error is raised."""

    class Closed(PlainView):
        def finish(self, answer: Answer) -> None:
            raise BrokenPipeError

    async with open_saver(database()) as saver:
        conversation = _conversation(saver)
        with pytest.raises(BrokenPipeError):
            await conversation.turn(HumanMessage("one"), Closed(Notes(quiet=True)))
        assert _texts(await conversation.messages()) == ["one", "seen 1"]


async def test_threads_are_listed_the_last_used_first() -> None:
    """The list has every thread once, with its turns and its last question in one short line."""
    async with open_saver(database()) as saver:
        for thread, question in (("a", "one"), ("b", "two"), ("a", "a long\n" * 30)):
            await _conversation(saver, thread=thread).turn(HumanMessage(question), SILENT)
        first, second = await list_threads(saver)
    assert second == ThreadSummary("b", 1, "two")
    assert (first.thread, first.turns, len(first.last_question)) == ("a", 2, 60)


async def test_threads_do_not_mix() -> None:
    """Two chats in one database know nothing of each other."""
    async with open_saver(database()) as saver:
        await _conversation(saver, thread="a").turn(HumanMessage("one"), SILENT)
        assert await _conversation(saver, thread="b").messages() == []


async def _open(path: Path) -> None:
    async with open_saver(path):
        pass


async def test_a_database_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """A folder in its place, a file that is no database, and a folder that cannot be made are told with the path."""
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"no database, " * 100)
    file = tmp_path / "file"
    file.touch()
    for path, said in (
        (tmp_path, "unable to open"),
        (broken, "not a database"),
        (file / "x.sqlite", "cannot make the folder"),
    ):
        with pytest.raises(UnsavedChatError, match=said) as raised:
            await _open(path)
        assert str(path.parent) in str(raised.value)


def test_new_threads_have_different_names() -> None:
    """Two chats begun in the same minute have two names."""
    assert new_thread() != new_thread()
