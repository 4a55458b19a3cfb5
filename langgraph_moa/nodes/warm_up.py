"""What is done for the aggregator while the last layer is still at work."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace

from langchain_core.runnables import RunnableConfig
from langgraph.constants import TAG_NOSTREAM

from langgraph_moa.answering import options_for
from langgraph_moa.attempts import Terms
from langgraph_moa.calling import SeatCaller
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.failures import failure_of
from langgraph_moa.histories import for_actor, for_advisers
from langgraph_moa.listeners import without_tokens
from langgraph_moa.mixture import Aggregator, Layer
from langgraph_moa.mixture.lengths import LENGTH_NAMES
from langgraph_moa.mixture.warming import KEPT_IDLE, WARM_UP
from langgraph_moa.models import ReadyModel, has_tools
from langgraph_moa.nodes.base import Node, Update, model_config
from langgraph_moa.nodes.latching import earlier_layers, layer_latch
from langgraph_moa.nodes.recall import finished_before
from langgraph_moa.nodes.run import Run
from langgraph_moa.proposal import Failure, Place, Proposal, is_usable, skipped
from langgraph_moa.recording import current_tape
from langgraph_moa.state import MoAState
from langgraph_moa.waiting import DeadlineExceeded, Latch, QuorumReached, within

logger = logging.getLogger(__name__)


class WarmUpNode(Node):
    """Opens the aggregator's connection, or has its provider read the conversation; ends with the layer's last slot.

    Whatever comes of it, the run goes on, and the node writes one record of it.

    Args:
        run: The mixture.
        number: Of the last layer, counted from 1.
        layer: The last layer.
        aggregator: With `warm_up`.

    Raises:
        ConfigurationError: References would stand before the conversation, so that it is no prefix.
    """

    def __init__(self, run: Run, number: int, layer: Layer, aggregator: Aggregator) -> None:
        super().__init__(run)
        if aggregator.warm_up == "prompt" and run.mixture.reference_placement != "tail":
            raise ConfigurationError(
                "Aggregator.warm_up='prompt' needs Mixture.reference_placement='tail', got 'system': references would "
                "stand before the conversation, and nothing of it stay cached. Use 'tail', or warm_up='connection'"
            )
        self._number = number
        self._layer = layer
        self._aggregator = aggregator
        self._place = Place(number, 0, WARM_UP)
        self._model = ReadyModel(aggregator, aggregator.models[0], streams=False)
        self._caller = SeatCaller(_for_one_token(aggregator), answers_user=True, streams=False)

    async def _update(self, state: MoAState, config: RunnableConfig) -> Update:
        finished = {proposal["proposer"] for proposal in await finished_before(self._run.graph, config, self._number)}
        earlier = earlier_layers(state, self._number)
        with (
            layer_latch(self._run, self._layer, self._number, earlier) as latch,
            latch.accompany(finished),
        ):
            why_not = self._why_not(config, latch)
            if why_not is not None:
                return self._written(self._skipped(why_not))
            ask = self._connect if self._aggregator.warm_up == "connection" else self._read_prompt
            return self._written(await ask(state, config, latch))

    def _why_not(self, config: RunnableConfig, latch: Latch) -> str | None:
        """Return why no request is made: it would be of no use, or a slot would wait for it."""
        places = config.get("max_concurrency")
        if places is not None and places <= len(self._layer.slots(self._number)):
            return f"max_concurrency is {places}, and the layer needs every place"
        return "the layer had ended first" if latch.ended.is_set() else None

    async def _read_prompt(self, state: MoAState, config: RunnableConfig, latch: Latch) -> Proposal:
        """Ask for one token of an answer to the conversation, so that the provider has its prompt in the cache."""
        options = options_for(self._run.mixture)
        arguments = {} if options is None else {key: options.arguments[key] for key in _PREFIX & set(options.arguments)}
        acts = bool(arguments.get("tools")) or has_tools(self._aggregator.models[0])
        conversation = for_actor(state["messages"]) if acts else for_advisers(state["messages"])
        request = self._run.compose(conversation, (), self._aggregator.prompt)
        named = model_config(
            config, self._run.mixture, WARM_UP, layer=self._number, role="aggregator", tags=[TAG_NOSTREAM]
        )
        terms = Terms(
            latch.remaining(self._aggregator.timeout),
            unless=latch.ended,
            limits=self._run.limits(),
            arguments=arguments,
        )
        return (await self._caller.call(self._place, request, without_tokens(named), terms)).proposal

    async def _connect(self, _state: MoAState, _config: RunnableConfig, latch: Latch) -> Proposal:
        """Open a connection, and keep it from being closed as idle until the layer has ended."""
        if current_tape() is not None:
            return self._skipped("a tape runs, which holds no such request")
        began, started_at = time.monotonic(), time.time()
        taken: list[float] = []

        async def keep_open() -> None:
            while True:
                await self._model.connect()
                taken.append(time.monotonic() - began)
                await asyncio.sleep(KEPT_IDLE)

        record = self._skipped("")
        try:
            await within(latch.remaining(self._aggregator.timeout), keep_open(), unless=latch.ended)
        except (DeadlineExceeded, QuorumReached) as reason:
            record["status"] = "ok" if taken else "cancelled"
            record["error"] = None if taken else failure_of(reason, self._model.secrets())
        except Exception as error:  # noqa: BLE001 - whatever a provider's class raises: told, and no harm
            record["status"], record["error"] = "error", failure_of(error, self._model.secrets())
        record["latency"] = taken[0] if taken else time.monotonic() - began
        record["started_at"] = started_at
        return record

    def _skipped(self, why: str) -> Proposal:
        return skipped(self._place, self._caller.label, Failure(kind="NotWarmedUp", message=why))

    def _written(self, record: Proposal) -> Update:
        error = record["error"]
        if not is_usable(record) and record["status"] in {"error", "timeout", "skipped"} and error is not None:
            logger.warning("%s: the aggregator is not warmed up: %s", self._run.mixture.name, error["message"])
        return {"warm_ups": [{**record, "text": ""}]}


_PREFIX = frozenset({"tools", "tool_choice"})
"""Arguments of a call that stand before the messages in what a provider caches."""


def _for_one_token(aggregator: Aggregator) -> Aggregator:
    """Return the seat as it is asked to read a prompt: its own model alone, for the shortest answer there is."""
    further = {name: value for name, value in aggregator.model_kwargs.items() if name not in LENGTH_NAMES}
    return replace(aggregator, max_tokens=1, fallbacks=(), warm_up=None, model_kwargs=further)
