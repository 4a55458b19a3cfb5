"""A slot's first call and, when that takes too long, a second one beside it: the first usable answer counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_moa.attempts import Terms
from langgraph_moa.configs import merged
from langgraph_moa.latencies import Latencies, latencies_of
from langgraph_moa.ledger import Ledger
from langgraph_moa.mixture.hedging import Hedge
from langgraph_moa.models import ReadyModel
from langgraph_moa.proposal import Failure
from langgraph_moa.repairing import ask_for_answer
from langgraph_moa.tape import canonical
from langgraph_moa.waiting import end_all

IsAnswer = Callable[[AIMessage], bool]
OVERTAKEN = "Overtaken"
"""Kind of the failure of a request that was cancelled since the slot's other one had answered."""
_SHORTEST_WAIT = 0.01
"""Seconds after which a call that waits for a place is looked at again."""


class Pair(NamedTuple):
    """The models of the two calls; they may be the same."""

    first: ReadyModel
    second: ReadyModel
    position: int
    """Of the second one in its seat."""


class Hedger:
    """Makes the calls of one slot, and knows how long they took.

    Args:
        hedge: When a second call is made, and how often.
        is_answer: Says whether a message is usable.
        model: The slot's own. What is known of a chat model that names its model is shared by every slot in the process
            that asks it in the same way; of any other, it is this slot's alone.
    """

    def __init__(self, hedge: Hedge, model: ReadyModel, is_answer: IsAnswer) -> None:
        self._hedge = hedge
        self._is_answer = is_answer
        identity = canonical(model.identity()) if model.is_interchangeable else None
        self._latencies = Latencies() if identity is None else latencies_of(identity)

    @property
    def threshold(self) -> float | None:
        """Seconds after which a second call is made; `None`: too few are known."""
        after = self._hedge.after
        return self._latencies.quantile(self._hedge.quantile, self._hedge.least) if after is None else after

    async def ask(
        self,
        pair: Pair,
        request: Sequence[BaseMessage],
        config: RunnableConfig,
        terms: Terms,
        ledger: Ledger,
    ) -> bool:
        """Ask the first model, and the second one beside it if need be; leave in the ledger the answer that counts.

        Args:
            pair: Of models.
            request: To both.
            config: Of both, with the callbacks; the metadata of the second say so in traces.
            terms: Of both.
            ledger: Of the seat. It holds what the later one gave where neither gave an answer.

        Returns:
            Whether the second one was asked.

        Raises:
            GraphBubbleUp: One of the models waits for a person.
        """
        self._latencies.begin()
        threshold = self.threshold
        if threshold is None:
            await ask_for_answer(pair.first, request, config, terms, ledger)
            self._note(ledger)
            return False
        first = asyncio.ensure_future(ask_for_answer(pair.first, request, config, terms, ledger))
        try:
            await _until(first, ledger, threshold)
            if first.done() or not self._latencies.allow(self._hedge.most):
                await first
                self._note(ledger)
                return False
        except BaseException:
            await end_all([first])
            raise
        beside = ledger.beside(pair.position)
        marked = merged(config, {"metadata": {"moa_hedge": True}})
        second = asyncio.ensure_future(ask_for_answer(pair.second, request, marked, terms, beside))
        await self._race({first: ledger, second: beside})
        return True

    async def _race(self, calls: Mapping[asyncio.Future[None], Ledger]) -> None:
        """Await the first answer, or the end of both calls; the ledger of the first one then holds what counts."""
        own, beside = calls.values()
        overtaken: list[Ledger] = []
        try:
            counts = await _first_answer(calls, self._is_answer)
            overtaken = [ledger for call, ledger in calls.items() if not call.done()]
            if counts is own or own in overtaken:
                self._latencies.note(_active(own))
        finally:
            await end_all(calls)
        for ledger in overtaken:
            _mark_overtaken(ledger)
        if counts is beside:
            own.take_over(beside)

    def _note(self, ledger: Ledger) -> None:
        if ledger.message is not None and self._is_answer(ledger.message):
            self._latencies.note(_active(ledger))


def _active(ledger: Ledger) -> float:
    """Return the seconds in which a request was under way."""
    return ledger.elapsed - ledger.waited


async def _until(call: asyncio.Future[None], ledger: Ledger, threshold: float) -> None:
    """Wait until a call has ended, or its requests have taken so many seconds."""
    while not call.done() and (left := threshold - _active(ledger)) > 0:
        await asyncio.wait([call], timeout=max(left, _SHORTEST_WAIT))


async def _first_answer(calls: Mapping[asyncio.Future[None], Ledger], is_answer: IsAnswer) -> Ledger:
    """Return the ledger of the first call that gives a usable answer; where none does, of the last to end."""
    running, last = set(calls), next(iter(calls.values()))
    while running:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for call in filter(done.__contains__, calls):
            call.result()
            last = calls[call]
            if last.message is not None and is_answer(last.message):
                return last
    return last


def _mark_overtaken(ledger: Ledger) -> None:
    """Say of the request that was under way why it has no answer."""
    if ledger.last is not None and ledger.last["error"] is None:
        ledger.last["error"] = Failure(kind=OVERTAKEN, message="the other call of the slot answered first")
