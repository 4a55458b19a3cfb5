"""The databases that hold checkpoints, each with its synchronous and its asynchronous checkpointer."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from psycopg import sql

Kind = Literal["sqlite", "postgresql"]
Saver = BaseCheckpointSaver[Any]


@dataclass(frozen=True)
class Database:
    """One empty database with the tables of checkpoints."""

    kind: Kind
    address: str
    """Path of the file, or connection string."""

    @contextmanager
    def saver(self) -> Iterator[Saver]:
        """Open the synchronous checkpointer."""
        if self.kind == "sqlite":
            with SqliteSaver.from_conn_string(self.address) as saver:
                yield saver
        else:
            with PostgresSaver.from_conn_string(self.address) as postgres_saver:
                yield postgres_saver

    @asynccontextmanager
    async def async_saver(self) -> AsyncIterator[Saver]:
        """Open the asynchronous checkpointer."""
        if self.kind == "sqlite":
            async with AsyncSqliteSaver.from_conn_string(self.address) as saver:
                yield saver
        else:
            async with AsyncPostgresSaver.from_conn_string(self.address) as postgres_saver:
                yield postgres_saver

    def create_tables(self) -> None:
        """Create what checkpointers write to."""
        with self.saver() as saver:
            assert isinstance(saver, SqliteSaver | PostgresSaver)
            saver.setup()

    def rows(self) -> list[tuple[str, tuple[Any, ...]]]:
        """Return every row of every table, with the table's name."""
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.address)) as connection:
                names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                return [(name, row) for name in names for row in connection.execute(f'SELECT * FROM "{name}"')]  # noqa: S608
        with psycopg.connect(self.address) as server:
            query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
            tables = [name for (name,) in server.execute(query)]
            return [
                (name, row)
                for name in tables
                for row in server.execute(sql.SQL("SELECT t::text, t.* FROM {} t").format(sql.Identifier(name)))
            ]

    def contents(self) -> bytes:
        """Return all that the tables hold, as one text of bytes."""
        return b"\n".join(_as_bytes(value) for _, row in self.rows() for value in row)

    def size(self) -> int:
        """Return the bytes of all values in all tables."""
        offset = 0 if self.kind == "sqlite" else 1
        return sum(len(_as_bytes(value)) for _, row in self.rows() for value in row[offset:])

    def wait_for_proposals(self, thread: str, number: int, *, seconds: float = 20.0) -> None:
        """Wait until a run's input is saved, and so many proposals of it."""
        config: RunnableConfig = {"configurable": {"thread_id": thread}}
        with self.saver() as saver:

            def saved() -> int | None:
                channels = [[write[1] for write in item.pending_writes or ()] for item in saver.list(config)]
                return sum(names.count("proposals") for names in channels) if channels else None

            _until(lambda: saved() == number, seconds, lambda: f"{saved()} proposals are saved, not {number}")


def _until(condition: Callable[[], bool], seconds: float, otherwise: Callable[[], str]) -> None:
    """Look at another process's doings again and again."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, otherwise()
        time.sleep(0.02)


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
