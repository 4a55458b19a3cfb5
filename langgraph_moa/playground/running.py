"""One run of a mixture for a page, as a stream of events that is stopped when nobody reads it any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, cast

from langgraph_moa.compiled import MoAGraph
from langgraph_moa.errors import MoAError
from langgraph_moa.graph import create_moa
from langgraph_moa.mixture import Mixture
from langgraph_moa.playground.asking import described
from langgraph_moa.playground.earlier_runs import EarlierRuns
from langgraph_moa.playground.telling import Event, Teller, shown
from langgraph_moa.preflight import prepare
from langgraph_moa.proposal import Failure
from langgraph_moa.record import RunRecorder
from langgraph_moa.redaction import redact


def prepared(mixture: Mixture) -> MoAGraph:
    """Return the graph of a mixture whose keys and packages are all there.

    Raises:
        MoAError: One is missing.
    """
    prepare(mixture)
    return create_moa(mixture, stream_proposals=True)


async def run_events(graph: MoAGraph, mixture: Mixture, question: str, runs: EarlierRuns) -> AsyncGenerator[Event]:
    """Run a mixture; yield `begin`, then what happens, then `end` with the whole run. Its record is kept in any case.

    A generator that is closed cancels every call.

    Args:
        graph: Made by `prepared`.
        mixture: What it runs.
        question: From the user.
        runs: Where the record is kept.
    """
    recorder = RunRecorder(mixture.prices)
    yield {"type": "begin", "question": question, **described(mixture)}
    failure: Failure | None = None
    try:
        async with aclosing(_parts(graph, question, recorder)) as parts:
            teller = Teller(mixture)
            async for part in parts:
                for event in teller.take(part):
                    yield event
    except Exception as error:  # noqa: BLE001 - whatever it is, the reader is told
        failure = failure_of(error)
    except BaseException:
        with suppress(OSError):  # the reader has gone: nobody is left to be told
            for record in recorder.results()[-1:]:
                runs.keep(record)
        raise
    told: Event = {"type": "end", "error": failure, "run": None}
    for record in recorder.results()[-1:]:
        try:
            told["run"] = shown(await asyncio.to_thread(runs.keep, record), record)
        except OSError as unkept:
            told["error"] = failure or failure_of(unkept)
    yield told


def failure_of(error: Exception) -> Failure:
    """Return an error in one line, with secrets removed; one that is not ours is named by its class."""
    kind, text = type(error).__name__, redact(str(error))
    return Failure(kind=kind, message=text if isinstance(error, MoAError) else f"{kind}: {text}".removesuffix(": "))


def _parts(graph: MoAGraph, question: str, recorder: RunRecorder) -> AsyncGenerator[Any]:
    parts = graph.astream(
        {"messages": [("user", question)]},
        {"callbacks": [recorder]},
        stream_mode=["custom", "messages", "updates"],
        version="v2",
    )
    return cast("AsyncGenerator[Any]", parts)
