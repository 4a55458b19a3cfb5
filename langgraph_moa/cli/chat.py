"""`moa chat`: many turns, remembered under a name."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from langgraph_moa.cli import failures, options
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.printable import is_terminal, printable

if TYPE_CHECKING:
    from asyncio import Runner
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from langchain_core.runnables import RunnableConfig

    from langgraph_moa.cli.notes import Notes
    from langgraph_moa.cli.threads import Conversation, ThreadSummary
    from langgraph_moa.mixture import Mixture
    from langgraph_moa.prompts import Document

    Recording = Callable[[], AbstractContextManager[RunnableConfig]]

PROMPT = "> "
_COMMAND = re.compile(r"/[a-z]+")
_LAST_WORDS = {"/exit", "/quit"}


def command(
    *,
    thread: Annotated[
        str | None,
        typer.Option("--thread", metavar="NAME", help="The chat to begin or to go on with; a new name if not given."),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the saved chats and exit.")] = False,
    file: options.Files = None,
    preset: options.Preset = None,
    proposer: options.Proposers = None,
    aggregator: options.AggregatorModel = None,
    depth: options.Depth = None,
    swap: options.Swaps = None,
    record: options.RecordFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Chat over several turns; every answered turn is saved. Ends with /exit or Ctrl-D.

    Piped, each line of stdin is a question. Files go with the first question. A record is of the last turn.
    """
    if listing:
        print(_saved_chats())
        return
    from langgraph_moa.cli.notes import Notes
    from langgraph_moa.cli.reading import STDIN, read_documents
    from langgraph_moa.cli.records import refuse_unwritable
    from langgraph_moa.cli.selection import Selection, choose

    if STDIN in (file or ()):
        msg = "stdin holds the questions of a chat and cannot be a file as well: name a file"
        raise ConfigurationError(msg)
    refuse_unwritable(record)
    selection = Selection(preset=preset, proposers=proposer, aggregator=aggregator, depth=depth, swaps=swap)
    documents = read_documents(file or ())
    chosen = choose(selection)
    name = _thread_name(thread)
    notes = Notes(quiet=quiet)

    from langgraph_moa.preflight import prepare

    notes.say(chosen.reason)
    prepare(chosen.mixture)
    _converse(chosen.mixture, name, documents, notes, record=record, quiet=quiet)


def _thread_name(given: str | None) -> str:
    from langgraph_moa.cli.threads import new_thread

    if given is None:
        return new_thread()
    if not given.strip() or printable(given) != given:
        msg = f"--thread must be a name, got {given!r}: write for example --thread holidays"
        raise ConfigurationError(msg)
    return given


def _saved_chats() -> str:
    import asyncio

    from langgraph_moa.cli.columns import in_columns
    from langgraph_moa.cli.threads import database, list_threads, open_saver

    path = database()

    async def load() -> list[ThreadSummary]:
        async with open_saver(path) as saver:
            return await list_threads(saver)

    chats = asyncio.run(load()) if path.exists() else []
    if not chats:
        return f"no chats are saved in {path}"
    rows = [(chat.thread, chat.turns, printable(chat.last_question)) for chat in chats]
    return in_columns(["thread", "turns", "last question"], rows)


def _converse(
    mixture: Mixture, thread: str, documents: list[Document], notes: Notes, *, record: str | None, quiet: bool
) -> None:
    """Answer questions until there are none left. The database is closed whatever happens."""
    import asyncio
    from contextlib import AsyncExitStack
    from functools import partial

    from langgraph_moa.cli.records import recorded
    from langgraph_moa.cli.threads import Conversation, database, open_saver

    path = database()
    with asyncio.Runner() as runner:
        held = AsyncExitStack()
        saver = runner.run(held.enter_async_context(open_saver(path)))
        try:
            conversation = Conversation(mixture, thread, saver, path)
            _greet(runner, conversation, thread, path, notes)
            session = Session(runner, conversation, notes, partial(recorded, mixture, record), quiet=quiet)
            for question in _questions():
                session.answer(question, documents)
                documents = []
        finally:
            runner.run(held.aclose())


def _greet(runner: Runner, conversation: Conversation, thread: str, path: Path, notes: Notes) -> None:
    """Say which chat this is; drop a question that a killed process has left without an answer."""
    from langgraph_moa.cli.threads import count_turns

    dropped = runner.run(conversation.drop_unanswered())
    turns = count_turns(runner.run(conversation.messages()))
    if turns:
        notes.say(f"thread {thread}: going on after {turns} earlier turn{'s' * (turns != 1)}")
    else:
        notes.say(f"new thread {thread}, saved in {path}; go on with it later: moa chat --thread {thread}")
    if dropped is not None:
        notes.say(f"the last question had got no answer and was dropped: {dropped}")


class Session:
    """Turns of one chat, at a terminal or from a pipe.

    Args:
        runner: Of all turns, so that the database stays open from one to the next.
        conversation: Where they are saved.
        notes: Where the view's notes go.
        recording: Gives what the config of each run must hold to be recorded.
        quiet: Whether there is a live view.
    """

    def __init__(
        self, runner: Runner, conversation: Conversation, notes: Notes, recording: Recording, *, quiet: bool
    ) -> None:
        self._runner = runner
        self._conversation = conversation
        self._notes = notes
        self._recording = recording
        self._quiet = quiet

    def answer(self, question: str, documents: list[Document]) -> None:
        """Answer one question. At a terminal, a turn that fails or is interrupted leaves the chat open.

        Raises:
            UnsavedChatError: The answer was shown but is not saved.
            MoAError: Or another error of the run, when the question came from a pipe; so does `KeyboardInterrupt`.
        """
        from langgraph_moa.cli.views import view_for
        from langgraph_moa.prompts import ask_about

        watcher = view_for(self._notes, quiet=self._quiet)
        try:
            with self._recording() as recording:
                self._runner.run(self._conversation.turn(ask_about(question, documents), watcher, recording))
        except (failures.UnsavedChatError, BrokenPipeError):
            raise
        except (Exception, KeyboardInterrupt) as error:
            with suppress(failures.UnsavedChatError):
                self._runner.run(self._conversation.drop_unanswered())
            if not is_terminal(sys.stdin):
                raise
            failures.report(error)


def _questions() -> Iterator[str]:
    """Yield questions as they are typed or piped in; empty lines are none."""
    if not is_terminal(sys.stdin):
        lines: Iterator[str] = iter(sys.stdin or ())
    else:
        with suppress(ImportError):
            import readline  # noqa: F401 - gives `input` editing and history
        lines = iter(_typed, None)
    for line in lines:
        question = line.strip()
        if question in _LAST_WORDS:
            return
        if _COMMAND.fullmatch(question):
            print(f"moa: there is no {question}: /exit or Ctrl-D ends the chat", file=sys.stderr)
        elif question:
            yield question


def _typed() -> str | None:
    if not is_terminal(sys.stdout):
        print(PROMPT, end="", file=sys.stderr, flush=True)
    try:
        return input(PROMPT if is_terminal(sys.stdout) else "")
    except EOFError:
        print(file=sys.stderr)
        return None
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise
