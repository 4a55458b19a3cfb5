"""The three kinds of node: proposer, join and aggregator. Each is one coroutine, for sync and async callers alike."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Literal
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.outputs import ChatGenerationChunk, GenerationChunk
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import merge_configs
from langgraph.constants import TAG_NOSTREAM
from langgraph.runtime import get_runtime

from langgraph_moa import background
from langgraph_moa.calling import Outcome, Place, SeatCaller
from langgraph_moa.errors import AggregatorError, ConfigurationError, QuorumError
from langgraph_moa.events import EventKind, ProgressEvent, ended
from langgraph_moa.mixture import Aggregator, Layer, Mixture, Slot
from langgraph_moa.models import problems
from langgraph_moa.prompts import mark_draw, order_references, with_references, with_system_prompt
from langgraph_moa.proposal import Failure, Proposal, is_usable
from langgraph_moa.state import LayerRecord, MoAState, all_proposals, usable_texts
from langgraph_moa.summary import summarize
from langgraph_moa.usage import packaged_prices
from langgraph_moa.waiting import Latch, latch_for

AGGREGATOR = "aggregator"
AGGREGATOR_SECONDS = 600.0
logger = logging.getLogger(__name__)

_running: ContextVar[tuple[Run, ...]] = ContextVar("langgraph_moa_running", default=())


class Run:
    """What the nodes of one compiled graph share."""

    def __init__(self, mixture: Mixture) -> None:
        self.mixture = mixture
        self._checked = False

    def check(self) -> None:
        """Refuse to make any call while a key or a package is missing.

        Raises:
            MissingKeyError: Or `MissingDependencyError`; the first of them, as `moa presets check` lists them all.
        """
        if not self._checked:
            for problem in problems(self.mixture):
                raise problem.error
            self._checked = True

    def request(self, state: MoAState, layer: int, instructions: str | None) -> list[AnyMessage]:
        """Return what a model that reads the references of the layer before is shown."""
        messages = state["messages"]
        if layer == 1:
            return list(messages)
        texts = usable_texts(state["layers"][str(layer - 1)])
        return self.merge_request(messages, texts, layer - 1, instructions)

    def merge_request(
        self, messages: Sequence[AnyMessage], texts: Sequence[str], layer: int, instructions: str | None
    ) -> list[AnyMessage]:
        """Return a conversation with the answers of a layer as references."""
        ordered = order_references(texts, layer=layer, seed=self.mixture.shuffle_seed)
        placement = self.mixture.reference_placement
        return with_references(messages, ordered, instructions=instructions, placement=placement)


class Node(Runnable[MoAState, dict[str, Any]]):
    """A graph node made of one coroutine."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def invoke(self, input: MoAState, config: RunnableConfig | None = None, **_: Any) -> dict[str, Any]:  # noqa: A002, ANN401
        """Run the coroutine on a background loop."""
        return background.run(self._guarded(input, config or {}))

    async def ainvoke(self, input: MoAState, config: RunnableConfig | None = None, **_: Any) -> dict[str, Any]:  # noqa: A002, ANN401
        """Run the coroutine in the caller's loop."""
        return await self._guarded(input, config or {})

    async def _guarded(self, state: MoAState, config: RunnableConfig) -> dict[str, Any]:
        running = _running.get()
        if self._run in running:
            msg = f"the mixture {self._run.mixture.name!r} was called from within itself. Let it call another mixture"
            raise ConfigurationError(msg)
        token = _running.set((*running, self._run))
        try:
            return await self._update(state, config)
        finally:
            _running.reset(token)

    @abstractmethod
    async def _update(self, state: MoAState, config: RunnableConfig) -> dict[str, Any]:
        """Return what the node writes."""

    def _tell(self, event: EventKind, layer: int | None, slot: str, model: str) -> None:
        mixture = self._run.mixture.name
        get_runtime().stream_writer(
            ProgressEvent(type="moa", event=event, mixture=mixture, layer=layer, slot=slot, model=model)
        )


class ProposerNode(Node):
    """One slot of one layer. Whatever its model does, it writes one proposal."""

    def __init__(self, run: Run, slot: Slot, layer: Layer) -> None:
        super().__init__(run)
        self._slot = slot
        self._layer = layer
        self._caller = SeatCaller(slot.proposer, streams=False)

    async def _update(self, state: MoAState, config: RunnableConfig) -> dict[str, Any]:
        self._run.check()
        slot = self._slot
        latch = self._latch()
        self._tell("started", slot.layer, slot.name, self._caller.label)
        outcome = await self._caller.call(
            Place(slot.layer, slot.index, slot.name),
            self._request(state),
            _config(config, f"moa.layer_{slot.layer}.{slot.name}", slot.layer, slot.name, "proposer", tags=[TAG_NOSTREAM]),
            seconds=latch.remaining(slot.proposer.timeout),
            unless=latch.closed,
        )
        proposal = outcome.proposal
        latch.report(slot, usable=is_usable(proposal))
        get_runtime().stream_writer(ended(self._run.mixture.name, proposal))
        return {"proposals": [proposal]}

    def _latch(self) -> Latch:
        slots = self._layer.slots(self._slot.layer)
        info = get_runtime().execution_info
        namespace = info.checkpoint_ns.rpartition("|")[0] if info else ""
        checkpoint = info.checkpoint_id if info else ""
        return latch_for((checkpoint, namespace, str(id(self._run)), str(self._slot.layer)), self._layer, slots)

    def _request(self, state: MoAState) -> list[AnyMessage]:
        slot = self._slot
        messages = self._run.request(state, slot.layer, self._run.mixture.merger.prompt)
        if slot.proposer.system_prompt is not None:
            messages = with_system_prompt(messages, slot.proposer.system_prompt)
        return mark_draw(messages, slot.draw)


class _MergingNode(Node):
    """A node that may ask an aggregator."""

    def __init__(self, run: Run, aggregator: Aggregator | None, *, streams: bool) -> None:
        super().__init__(run)
        self._aggregator = aggregator
        self._caller = None if aggregator is None else SeatCaller(aggregator, streams=streams)

    async def _merge(
        self, caller: SeatCaller, place: Place, request: Sequence[AnyMessage], config: RunnableConfig, finished: list[Proposal]
    ) -> Outcome:
        """Ask the aggregator; its failure is an error that holds the finished proposals."""
        seconds = (self._aggregator.timeout if self._aggregator else None) or AGGREGATOR_SECONDS
        outcome = await caller.call(place, request, config, seconds=seconds)
        acts = outcome.message is not None and bool(outcome.message.tool_calls)
        if is_usable(outcome.proposal) or acts:
            return outcome
        failure = outcome.proposal["error"] or Failure(kind="error", message=outcome.proposal["status"])
        cause = f"{place.slot} ({caller.label}): {outcome.proposal['status']}, {failure['message']}"
        raise AggregatorError(cause, finished) from None


class JoinNode(_MergingNode):
    """Ends a layer: checks the quorum and is the only writer of what outlives the layer."""

    def __init__(self, run: Run, number: int, layer: Layer) -> None:
        super().__init__(run, layer.merger, streams=False)
        self._number = number
        self._layer = layer

    async def _update(self, state: MoAState, config: RunnableConfig) -> dict[str, Any]:
        proposals = sorted(state["proposals"], key=lambda proposal: proposal["index"])
        self._check_quorum(proposals)
        earlier = {} if self._number == 1 else state["layers"]
        record = LayerRecord(proposals=proposals, synthesis=None)
        if self._caller is not None and self._aggregator is not None:
            record = LayerRecord(proposals=proposals, synthesis=await self._synthesis(state, record, config))
        return {"layers": {**earlier, str(self._number): record}}

    def _check_quorum(self, proposals: list[Proposal]) -> None:
        usable = sum(is_usable(proposal) for proposal in proposals)
        policy = self._run.mixture.on_partial
        needed = len(proposals) if policy == "raise" else self._layer.quorum
        if usable < needed:
            raise QuorumError(self._number, needed, proposals)
        if usable < len(proposals) and policy == "warn":
            missing = ", ".join(f"{item['proposer']} ({item['status']})" for item in proposals if not is_usable(item))
            logger.warning("layer %d goes on with %d of %d proposals; missing: %s", self._number, usable, len(proposals), missing)

    async def _synthesis(self, state: MoAState, record: LayerRecord, config: RunnableConfig) -> Proposal:
        assert self._caller is not None and self._aggregator is not None  # noqa: S101, PT018
        self._tell("aggregating", self._number, "join", self._caller.label)
        request = self._run.merge_request(state["messages"], usable_texts(record), self._number, self._aggregator.prompt)
        finished = [*all_proposals(state.get("layers", {}) if self._number > 1 else {}), *record["proposals"]]
        named = _config(config, f"moa.layer_{self._number}.join", self._number, "join", "aggregator", tags=[TAG_NOSTREAM])
        outcome = await self._merge(self._caller, Place(self._number, 0, "join"), request, named, finished)
        return outcome.proposal


class AggregatorNode(_MergingNode):
    """Writes the answer, and with it every proposal of the run."""

    def __init__(self, run: Run, aggregator: Aggregator) -> None:
        super().__init__(run, aggregator, streams=True)

    async def _update(self, state: MoAState, config: RunnableConfig) -> dict[str, Any]:
        assert self._caller is not None and self._aggregator is not None  # noqa: S101, PT018
        layers = state["layers"]
        finished = all_proposals(layers)
        place = Place(len(layers) + 1, 0, AGGREGATOR)
        self._tell("aggregating", None, AGGREGATOR, self._caller.label)
        clock = FirstToken(lambda: self._tell("first_token", None, AGGREGATOR, self._caller.label if self._caller else ""))
        named = _config(config, "moa.aggregator", None, AGGREGATOR, AGGREGATOR, callbacks=[clock])
        request = self._run.request(state, place.layer, self._aggregator.prompt)
        outcome = await self._merge(self._caller, place, request, named, finished)
        self._tell("done", None, AGGREGATOR, self._caller.label)
        return {"messages": [self._signed(outcome, state, clock)], "proposals": finished}

    def _signed(self, outcome: Outcome, state: MoAState, clock: FirstToken) -> AIMessage:
        assert outcome.message is not None  # noqa: S101
        summary = summarize(
            self._run.mixture.name,
            state["layers"],
            outcome.proposal,
            prices=packaged_prices(),
            first_token=clock.seconds,
        )
        metadata = {**outcome.message.response_metadata, "moa": summary}
        return outcome.message.model_copy(update={"response_metadata": metadata})


class FirstToken(AsyncCallbackHandler):
    """Notes when the first token of a streamed answer came."""

    def __init__(self, tell: Any) -> None:  # noqa: ANN401
        self.seconds: float | None = None
        self._started = time.monotonic()
        self._tell = tell

    async def on_llm_new_token(
        self, token: str, *, chunk: GenerationChunk | ChatGenerationChunk | None = None, run_id: UUID, **_: Any  # noqa: ANN401
    ) -> None:
        """Note the first token that holds text."""
        if self.seconds is None and token:
            self.seconds = time.monotonic() - self._started
            self._tell()


def _config(
    config: RunnableConfig,
    name: str,
    layer: int | None,
    slot: str,
    role: Literal["proposer", "aggregator"],
    *,
    tags: Sequence[str] = (),
    callbacks: Sequence[AsyncCallbackHandler] = (),
) -> RunnableConfig:
    """Return a node's config for the model that it calls: named and tagged for traces and streams."""
    metadata = {"moa_layer": layer, "moa_slot": slot, "moa_role": role}
    own = RunnableConfig(run_name=name, tags=list(tags), metadata=metadata)
    if callbacks:
        own["callbacks"] = list(callbacks)
    return merge_configs(config, own)
