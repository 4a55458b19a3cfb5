"""Chats, kept in SQLite in the user's data folder. Each turn is saved once, when its answer is there."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import typer
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph

from langgraph_moa.cli.failures import UnsavedChatError
from langgraph_moa.cli.running import Answer, Graph, Watcher, run_mixture
from langgraph_moa.graph import create_moa
from langgraph_moa.mixture import Mixture
from langgraph_moa.prompts import read_documents

HOME_VARIABLE = "LANGGRAPH_MOA_HOME"
_NODE = "mixture"
_LONGEST_QUESTION = 60


class ThreadSummary(NamedTuple):
    """One chat in the list of all."""

    thread: str
    turns: int
    last_question: str


def database() -> Path:
    """Return the path of the chats' database."""
    folder = os.environ.get(HOME_VARIABLE, "").strip() or typer.get_app_dir("langgraph-moa")
    return Path(folder) / "chats.sqlite"


def new_thread() -> str:
    """Return a name that tells when the chat began."""
    return f"{datetime.now(UTC).astimezone():%Y-%m-%d-%H%M}-{uuid4().hex[:4]}"


@asynccontextmanager
async def open_saver(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """Open the database, and close it in the end.

    Raises:
        UnsavedChatError: It cannot be made, read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unsaved("cannot make the folder of the chats", path.parent, error.strerror or str(error)) from error
    with storage_errors(path, "cannot open the chats"):
        _try_to_open(path)
        async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
            await saver.setup()
            yield saver


def _try_to_open(path: Path) -> None:
    """Fail here, where it is clean: an asynchronous connection that cannot be opened leaves its thread behind."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA schema_version")


@contextmanager
def storage_errors(path: Path, problem: str) -> Iterator[None]:
    """Turn errors of the database into one that says where the chats are and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _unsaved(problem, path, str(error)) from error


def _unsaved(problem: str, path: Path, reason: str) -> UnsavedChatError:
    return UnsavedChatError(f"{problem} in {path}: {reason}. Make room there, or set {HOME_VARIABLE} to another folder")


async def list_threads(saver: AsyncSqliteSaver) -> list[ThreadSummary]:
    """Return all chats, the one used last first."""
    threads = "SELECT thread_id FROM checkpoints WHERE checkpoint_ns = '' GROUP BY thread_id"
    async with saver.conn.execute(f"{threads} ORDER BY MAX(checkpoint_id) DESC") as cursor:
        names = [str(row[0]) async for row in cursor]
    summaries = []
    for name in names:
        saved = await saver.aget_tuple(_config(name))
        messages = saved.checkpoint["channel_values"].get("messages", []) if saved else []
        questions = [message for message in messages if isinstance(message, HumanMessage)]
        last = _question(questions[-1]) if questions else ""
        summaries.append(ThreadSummary(name, len(questions), last))
    return summaries


class Conversation:
    """One chat: a graph with the mixture as its only node, and the thread that it is saved under.

    Args:
        mixture: Who answers.
        thread: Its name.
        saver: Open.
        path: Of the database, for messages.
    """

    def __init__(self, mixture: Mixture, thread: str, saver: AsyncSqliteSaver, path: Path) -> None:
        self._mixture = mixture
        self._path = path
        self._config = _config(thread)
        self._graph: Graph = _parent(mixture, saver)

    async def messages(self) -> list[AnyMessage]:
        """Return what is saved."""
        with storage_errors(self._path, "cannot read the chat"):
            state = await self._graph.aget_state(self._config)
        return list(state.values.get("messages", []))

    async def turn(self, request: HumanMessage, watcher: Watcher, recording: RunnableConfig | None = None) -> Answer:
        """Answer, and save question and answer together.

        Args:
            request: The question.
            watcher: Is told what happens.
            recording: What the config of the run holds besides its thread.

        Raises:
            UnsavedChatError: The answer was shown, but cannot be saved.
            MoAError: The run failed; call `drop_unanswered` before the next turn.
        """
        with storage_errors(self._path, "the last turn is not saved"):
            config: RunnableConfig = {**self._config, **(recording or {})}
            return await run_mixture(self._graph, self._mixture, [request], watcher, config=config, embedded=True)

    async def drop_unanswered(self) -> str | None:
        """Remove a question whose run was cancelled, failed or killed, and return it; `None` when there is none."""
        messages = await self.messages()
        answers = [number for number, message in enumerate(messages, start=1) if isinstance(message, AIMessage)]
        answered = answers[-1] if answers else 0
        pending = messages[answered:]
        if not pending:
            return None
        removals = [RemoveMessage(id=str(message.id)) for message in pending]
        with storage_errors(self._path, "cannot mend the chat"):
            await self._graph.aupdate_state(self._config, {"messages": removals}, as_node=_NODE)
        return _question(pending[-1])


def _parent(mixture: Mixture, saver: AsyncSqliteSaver) -> Graph:
    graph = StateGraph(MessagesState)
    graph.add_node(_NODE, create_moa(mixture, checkpointer=False))
    graph.add_edge(START, _NODE)
    graph.add_edge(_NODE, END)
    return graph.compile(checkpointer=saver)


def _config(thread: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread}}


def count_turns(messages: Sequence[AnyMessage]) -> int:
    """Return how many questions a conversation holds."""
    return sum(isinstance(message, HumanMessage) for message in messages)


def _question(message: AnyMessage) -> str:
    """Return a question in one line, shortened, without its documents."""
    text = " ".join(read_documents(str(message.text))[0].split())
    return text if len(text) <= _LONGEST_QUESTION else f"{text[: _LONGEST_QUESTION - 1]}…"
