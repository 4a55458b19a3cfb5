"""Asks one model until it answers, fails for good, or has no time left: places, retries, and the record of both."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp, ParentCommand

from langgraph_moa.admission import Admission, admission
from langgraph_moa.configs import merged
from langgraph_moa.errors import SelfReferenceError
from langgraph_moa.fitting import estimate_request
from langgraph_moa.ledger import Ledger
from langgraph_moa.limits import Limit, applying
from langgraph_moa.metering import UsageMeter
from langgraph_moa.models import ReadyModel
from langgraph_moa.open_runs import OpenRuns
from langgraph_moa.playing import Scene
from langgraph_moa.proposal import billed_usage
from langgraph_moa.replies import Reply
from langgraph_moa.retrying import is_transient, pause_before
from langgraph_moa.schemas import AnswerSchema
from langgraph_moa.threads import threads_of_one_request

_NOT_DATA = (GraphBubbleUp, SelfReferenceError)
"""What a call may raise that is no failure of its model: an interrupt for a person, or the end of the run."""
_jitter = random.Random()  # noqa: S311 - spreads calls in time


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a seat is called."""

    seconds: float
    """For all its models together, waiting included."""
    unless: asyncio.Event | None = None
    """Ends the call as `cancelled`."""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    jitter: random.Random = field(default=_jitter)
    """Of the pauses before retries; seed it for the same pauses in every run."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """For the call of the model, such as `tools`."""
    schema: AnswerSchema | None = None
    """Of the answer; `None`: prose."""
    passed_over: Collection[int] = ()
    """Positions of models that are not asked: 0 is the seat's own, from 1 on its fallbacks."""
    is_shown: Callable[[], bool] = field(default=lambda: False)
    """Says whether somebody has seen the first token: then no other answer is asked for."""


async def ask(
    model: ReadyModel, request: Sequence[BaseMessage], config: RunnableConfig, terms: Terms, ledger: Ledger
) -> None:
    """Ask a model, again after passing failures, and note in the ledger what came of it.

    A retry is not made when the pause before it would outlast the time: what is left goes to the fallbacks. What a tape
    has an answer to is not asked.

    Raises:
        SelfReferenceError: The model calls the mixture that it sits in.
        DeadlineExceeded: A tape says that the time was over.
        QuorumReached: A tape says that the layer went on without it.
    """
    scene = Scene(model, request, config, ledger, arguments=terms.arguments, schema=terms.schema)
    try:
        for retry in itertools.count(1):
            played = scene.find()
            if played is not None:
                pause = await scene.play(played, config, lambda: _attempt(ledger))
            else:
                with scene.hearing() as listening:
                    pause = await _try(model, request, merged(config, listening), terms, ledger, retry=retry)
                scene.keep(again=pause is not None)
            if pause is None:
                return
            with ledger.waiting():
                await asyncio.sleep(pause)
    except asyncio.CancelledError:
        scene.interrupt(terms.seconds, by_quorum=terms.unless is not None and terms.unless.is_set())
        raise


async def _try(
    model: ReadyModel,
    request: Sequence[BaseMessage],
    config: RunnableConfig,
    terms: Terms,
    ledger: Ledger,
    *,
    retry: int,
) -> float | None:
    """Make one request; return the seconds before the next one, or `None` where there is none."""
    try:
        within = applying(terms.limits, await model.limit_keys()) if terms.limits else {}
    except Exception as unbuilt:  # noqa: BLE001 - a model that cannot be built is data, as one that fails is
        ledger.fail(ledger.open(model.label), unbuilt)
        return None
    limited = replace(terms, limits=within) if terms.limits else terms
    error = await _request(model, request, config, limited, ledger)
    if error is not None and terms.is_shown():
        ledger.give_up("the answer had begun to be shown")
        return None
    if error is None or is_cancelled() or retry > model.retries or not is_transient(error):
        return None
    pause = pause_before(retry, error, terms.jitter)
    if pause >= terms.seconds - ledger.elapsed:
        ledger.give_up(f"in {pause:.1f} s it would be too late")
        return None
    return pause


async def _request(
    model: ReadyModel,
    request: Sequence[BaseMessage],
    config: RunnableConfig,
    terms: Terms,
    ledger: Ledger,
) -> BaseException | None:
    """Make one request within the limits; return its failure."""
    meter, runs = UsageMeter(), OpenRuns()
    async with _place(model, request, terms.limits, ledger) as place:
        record = ledger.open(model.label)
        noted = merged(config, _attempt(ledger, meter, runs))
        try:
            reply = await _shielded_from_itself(model.ask(request, noted, terms.arguments, terms.schema))
        except Exception as error:
            if isinstance(error, _NOT_DATA) and not isinstance(error, ParentCommand):
                raise
            if not is_cancelled():
                ledger.fail(record, error)
            return error
        except asyncio.CancelledError as error:
            await runs.end(noted, error)
            raise
        finally:
            meter.settle(record)
        if not is_cancelled():
            ledger.answer(record, reply)
        used = billed_usage(record)
        place.settle(0 if record.get("cached") else used and used["total_tokens"])
    return None


def _attempt(ledger: Ledger, *listening: BaseCallbackHandler) -> RunnableConfig:
    """Return what marks one request in traces, and has its tokens counted."""
    metadata = {"moa_attempt": len(ledger.calls), "moa_fallback": ledger.position}
    return RunnableConfig(metadata=metadata, callbacks=list(listening))


@asynccontextmanager
async def _place(
    model: ReadyModel, request: Sequence[BaseMessage], limits: Mapping[str, Limit], ledger: Ledger
) -> AsyncIterator[Admission]:
    """Wait for a place, and keep it until the request has ended: a thread goes on when its call is cancelled."""
    paced = any(limit.tokens_per_minute for limit in limits.values())
    tokens = estimate_request(request) + (model.max_tokens or 0) if paced else 0
    place = admission(limits, model=model.label, tokens=tokens)
    with ledger.waiting():
        await place.enter()
    threads = threads_of_one_request()
    try:
        yield place
    finally:
        threads.when_ended(place.leave)


def is_cancelled() -> bool:
    """Say whether nobody waits for this call any more, whatever its model has made of the cancellation."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _shielded_from_itself(asking: Coroutine[object, object, Reply]) -> Reply:
    """Await a model; one that raises `CancelledError` of its own has failed, and has cancelled nothing.

    Raises:
        CancelledError: This call is cancelled from outside.
        RuntimeError: The model has cancelled itself.
    """
    try:
        return await asking
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        msg = f"the model cancelled itself: {error}"
        raise RuntimeError(msg) from error
