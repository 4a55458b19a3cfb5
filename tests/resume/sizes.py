"""What a run adds to a database of checkpoints. `python -m tests.resume.sizes` prints a table."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from langchain_core.messages import HumanMessage

from langgraph_moa import Mixture, Proposer, create_moa
from langgraph_moa.testing import ScriptedChatModel
from tests.resume import postgresql
from tests.resume.databases import Database

KILOBYTE = 1024


def mixture(text: str, *, proposers: int, layers: int = 2) -> Mixture:
    """Return a mixture whose proposers all say the same."""
    seat = Proposer(ScriptedChatModel(replies=text), samples=proposers)
    return Mixture.of([seat], ScriptedChatModel(replies="answer"), depth=layers + 1)


def bytes_of_run(database: Database, conversation: str, text: str, *, proposers: int, layers: int = 2) -> int:
    """Run a mixture on a thread of its own and return the bytes that this adds to the database."""
    before = database.size()
    with database.saver() as saver:
        graph = create_moa(mixture(text, proposers=proposers, layers=layers), checkpointer=saver)
        graph.invoke({"messages": [HumanMessage(conversation)]}, {"configurable": {"thread_id": str(uuid4())}})
    return database.size() - before


@contextmanager
def databases() -> Iterator[list[Database]]:
    """Create an empty database of every kind that this machine has."""
    binaries = postgresql.programs()
    with tempfile.TemporaryDirectory() as folder:
        sqlite = Database("sqlite", str(Path(folder) / "checkpoints.sqlite"))
        if binaries is None:
            yield [sqlite]
        else:
            with postgresql.running(binaries) as server:
                yield [sqlite, Database("postgresql", server.new_schema())]


def main() -> None:
    """Print bytes for runs of some shapes."""
    with databases() as found:
        for database in found:
            database.create_tables()
            usual = bytes_of_run(database, "q" * 100, "a" * 1500, proposers=6)
            long_conversations = [bytes_of_run(database, "q" * 200_000, "a", proposers=number) for number in (2, 8)]
            print(f"{database.kind}: two layers of six, answers of 1,500 bytes: {usual:,} bytes")  # noqa: T201
            print(f"{database.kind}: 200,000 bytes asked, two layers of two, of eight: {long_conversations}")  # noqa: T201


if __name__ == "__main__":
    main()
