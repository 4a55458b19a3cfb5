"""One run of a mixture for a page, as a stream of events that is stopped when nobody reads it any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from functools import cache
from typing import Any, cast

from langgraph_moa.compiled import MoAGraph
from langgraph_moa.failures import failure_of
from langgraph_moa.graph import create_moa
from langgraph_moa.mixture import Mixture
from langgraph_moa.playground.asking import described
from langgraph_moa.playground.earlier_runs import EarlierRuns
from langgraph_moa.playground.markdown import as_html
from langgraph_moa.playground.telling import Event, Teller, shown
from langgraph_moa.preflight import prepare
from langgraph_moa.proposal import Failure
from langgraph_moa.record import RunRecord, RunRecorder


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
    html = cache(lambda text: as_html(recorder.masked(text)))
    yield {"type": "begin", "question": question, **described(mixture)}
    failure: Failure | None = None
    try:
        async with aclosing(_parts(graph, question, recorder)) as parts:
            teller = Teller(mixture, html)
            async for part in parts:
                for event in await _events(teller, part):
                    yield event
    except Exception as error:  # noqa: BLE001 - whatever it is, the reader is told
        failure = failure_of(error)
    except BaseException:
        with suppress(OSError):  # the reader has gone: nobody is left to be told
            await asyncio.to_thread(_kept, recorder, runs)
        raise
    yield await asyncio.to_thread(_end, recorder, runs, failure, html)


async def _events(teller: Teller, part: Mapping[str, Any]) -> Sequence[Event]:
    """Return the events of a part; whole answers become HTML, which may take long, in a thread."""
    told = teller.take(part)
    return await asyncio.to_thread(list, told) if part["type"] == "updates" else list(told)


def _kept(recorder: RunRecorder, runs: EarlierRuns) -> tuple[str, RunRecord] | None:
    """Keep the record of a run and return it with its id; `None` where the run had not begun."""
    for record in recorder.results()[-1:]:
        return runs.keep(record), record
    return None


def _end(recorder: RunRecorder, runs: EarlierRuns, failure: Failure | None, html: Callable[[str], str]) -> Event:
    """Keep the record of a run that has ended, and tell it whole."""
    try:
        kept = _kept(recorder, runs)
    except OSError as unkept:
        return {"type": "end", "error": failure or failure_of(unkept), "run": None}
    return {"type": "end", "error": failure, "run": None if kept is None else shown(*kept, html)}


def _parts(graph: MoAGraph, question: str, recorder: RunRecorder) -> AsyncGenerator[Any]:
    parts = graph.astream(
        {"messages": [("user", question)]},
        {"callbacks": [recorder]},
        stream_mode=["custom", "messages", "updates"],
        version="v2",
    )
    return cast("AsyncGenerator[Any]", parts)
