"""Runs that live in processes of their own, so that they can be killed.

A server process imports the packages once and forks for every run: a run starts in a tenth of a second.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any, Literal

import langchain.chat_models  # noqa: F401 - the forked need it
import langchain_openai  # noqa: F401 - the forked need it
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig

from langgraph_moa import Mixture
from tests.resume.databases import Database, Saver
from tests.resume.shapes import Mode, Shape, build

QUESTION = "Which answer survives?"
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])
_RUN_SECONDS = 60.0


@dataclass(frozen=True)
class Case:
    """What a process does."""

    shape: Shape
    mixtures: list[Mixture]
    database: Database
    mode: Mode
    thread: str
    durability: Literal["sync", "async", "exit"] = "async"


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    answers: list[str]
    """What the run added to the conversation, in alphabetical order."""
    missing: list[str]
    """Statuses of the proposals that are not usable."""
    seconds: float
    warnings: list[str]
    """What LangGraph has logged."""


class Child:
    """A run in a process of its own.

    Args:
        case: The run.
        resume: Whether it goes on from the last checkpoint of its thread, rather than from a question.
        environment: Variables on top of this process's.
    """

    def __init__(self, case: Case, *, resume: bool, environment: Mapping[str, str]) -> None:
        self._results, theirs = _context.Pipe(duplex=False)
        arguments = (case, resume, {**os.environ, **environment}, theirs)
        self._process: ForkServerProcess = _context.Process(target=_main, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def kill(self) -> None:
        """End the run as `kill -9` does."""
        assert self._process.is_alive(), self._outcome()
        self._process.kill()
        self._process.join(_RUN_SECONDS)
        assert self._process.exitcode == -9
        self._process.close()
        self._results.close()

    def result(self) -> Result:
        """Wait for the run's end."""
        outcome = self._outcome()
        self._process.join(_RUN_SECONDS)
        assert self._process.exitcode == 0
        self._process.close()
        self._results.close()
        assert isinstance(outcome, Result), outcome
        return outcome

    def _outcome(self) -> object:
        assert self._results.poll(_RUN_SECONDS), "the run does not end"
        return self._results.recv()


def _main(case: Case, resume: bool, environment: dict[str, str], results: Connection) -> None:  # noqa: FBT001
    os.environ.clear()
    os.environ.update(environment)
    logging.getLogger("langgraph").addHandler(_log)
    try:
        result: object = asyncio.run(_run_async(case, resume)) if case.mode == "async" else _run(case, resume)
    except BaseException:  # noqa: BLE001 - shown by the test
        result = traceback.format_exc()
    results.send(result)
    results.close()


def _run(case: Case, resume: bool) -> Result:  # noqa: FBT001
    with case.database.saver() as saver:
        started = time.monotonic()
        out = _graph(case, saver).invoke(_input(resume), _config(case), durability=case.durability)
        return _result(out, time.monotonic() - started)


async def _run_async(case: Case, resume: bool) -> Result:  # noqa: FBT001
    async with case.database.async_saver() as saver:
        started = time.monotonic()
        out = await _graph(case, saver).ainvoke(_input(resume), _config(case), durability=case.durability)
        return _result(out, time.monotonic() - started)


def _graph(case: Case, saver: Saver) -> Any:
    return build(case.shape, case.mixtures, saver, mode=case.mode)


def _input(resume: bool) -> Any:  # noqa: FBT001
    return None if resume else {"messages": [HumanMessage(QUESTION, id="question")]}


def _config(case: Case) -> RunnableConfig:
    return {"configurable": {"thread_id": case.thread}}


def _result(out: dict[str, Any], seconds: float) -> Result:
    added = out["messages"][1:]
    missing = [item["status"] for message in added for item in message.response_metadata["moa"]["missing"]]
    return Result(sorted(message.text for message in added), missing, seconds, _log.messages)


class _Log(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.messages.append(record.getMessage())


_log = _Log()
