"""One slot of one layer."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.constants import TAG_NOSTREAM
from langgraph.errors import GraphInterrupt

from langgraph_moa.answering import options_for
from langgraph_moa.attempts import Terms
from langgraph_moa.budget import BUDGET_EXCEEDED, LeftOut
from langgraph_moa.calling import SeatCaller
from langgraph_moa.chains import is_plain
from langgraph_moa.configs import merged
from langgraph_moa.errors import ContextWindowError
from langgraph_moa.events import EventKind, ended, planned, progress
from langgraph_moa.histories import adviser_note, for_advisers, uses_tools
from langgraph_moa.listeners import FirstToken, with_tokens, without_tokens
from langgraph_moa.mixture import Layer, Slot
from langgraph_moa.mixture.recipe import OnOverflow
from langgraph_moa.mixture.seats import nested_mixture
from langgraph_moa.nodes.base import Node, Update, model_config
from langgraph_moa.nodes.latching import earlier_layers, layer_latch
from langgraph_moa.nodes.recall import finished_before
from langgraph_moa.nodes.run import Run
from langgraph_moa.prompts import mark_draw, with_system_prompt
from langgraph_moa.proposal import Failure, Place, Proposal, is_usable, skipped
from langgraph_moa.savings import spared
from langgraph_moa.state import LayerRecord, MoAState, all_proposals
from langgraph_moa.views import Kind, kinds_of, narrowed, not_taken
from langgraph_moa.waiting import Latch, LayerBroken

logger = logging.getLogger(__name__)


class ProposerNode(Node):
    """Asks a slot's model. Whatever comes of it, the node writes one proposal."""

    def __init__(self, run: Run, slot: Slot, layer: Layer) -> None:
        super().__init__(run)
        self._slot = slot
        self._layer = layer
        self._place = Place(slot.layer, slot.index, slot.name)
        self._room = run.room(slot.proposer, slot.node, run.mixture.merger.prompt)
        self._on_overflow: OnOverflow = "raise" if run.mixture.on_overflow == "raise" else "shorten"
        self._caller = SeatCaller(slot.proposer, answers_user=False, streams=run.stream_proposals)

    async def _begin(self, config: RunnableConfig) -> None:
        """Tell the plan, once in a run and before any slot begins."""
        if self._slot.layer > 1:
            return
        with self._latch({}) as latch:
            async with latch.telling:
                if latch.must_tell():
                    mixture = self._run.mixture
                    await self._run.tell(planned(mixture.name, mixture.merger.label, self._run.planned_calls), config)

    async def _update(self, state: MoAState, config: RunnableConfig) -> Update:
        slot = self._slot
        left_out = self._left_out(state)
        with self._latch(earlier_layers(state, slot.layer)) as latch:
            if latch.must_recall():
                latch.recall(await finished_before(self._run.graph, config, slot.layer))
            unasked = left_out or await self._spared(latch, config)
            if unasked is left_out:
                await self._tell("started", config)
            proposal = unasked or await self._proposal(state, config, latch)
            latch.report(slot.name, usable=is_usable(proposal), text=proposal["text"])
        await self._run.tell(ended(self._run.mixture.name, proposal), config)
        return {"proposals": [proposal]}

    async def _spared(self, latch: Latch, config: RunnableConfig) -> Proposal | None:
        """Wait for the slot's turn; return what is written where it is not asked any more.

        Raises:
            GraphInterrupt: Another slot waits for a person, or has failed: this one begins again with it. It holds no
                question of its own, so that LangGraph saves nothing for the node and ends the run as that slot has.
        """
        try:
            why = await latch.turn(self._slot.name, config.get("max_concurrency"))
        except LayerBroken:
            raise GraphInterrupt from None
        return None if why is None else spared(self._place, self._caller.label, why)

    async def _tell(self, event: EventKind, config: RunnableConfig) -> None:
        slot = self._slot
        await self._run.tell(progress(event, self._run.mixture.name, slot.layer, slot.name, self._caller.label), config)

    async def _proposal(self, state: MoAState, config: RunnableConfig, latch: Latch) -> Proposal:
        slot = self._slot
        conversation = self._shown(narrowed(state["messages"], slot.proposer.view))
        unread = await self._unread(conversation)
        if all(unread):
            return self._unsupported(unread[0])
        try:
            shown = self._room.fit(conversation, self._run.references(state, slot.layer), self._on_overflow)
        except ContextWindowError as error:
            error.proposals = list(all_proposals(earlier_layers(state, slot.layer)))
            return self._skipped(error)
        outcome = await self._caller.call(
            self._place,
            self._request(conversation, shown.windows[0] if shown.windows else ()),
            self._model_config(config),
            Terms(
                latch.remaining(slot.proposer.timeout),
                unless=latch.closing,
                limits=self._run.limits(),
                schema=self._run.schema,
                passed_over=[position for position, kinds in enumerate(unread) if kinds],
            ),
        )
        outcome.proposal["shortened"] = shown.shortened
        return outcome.proposal

    def _shown(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Return the conversation as this slot is shown it: who is no actor sees tool calls and results as text."""
        shown = for_advisers(messages)
        options = options_for(self._run.mixture)
        tools = options.arguments.get("tools") or () if options else ()
        if not self._may_act and (tools or uses_tools(messages)):
            shown = with_system_prompt(shown, adviser_note(tools))
        own = self._slot.proposer.system_prompt
        return shown if own is None else with_system_prompt(shown, own)

    @property
    def _may_act(self) -> bool:
        """Whether the slot's model may call tools of its own, as an agent does."""
        model = self._slot.proposer.model
        return isinstance(model, Runnable) and not is_plain(model) and nested_mixture(model) is None

    def _model_config(self, config: RunnableConfig) -> RunnableConfig:
        """Return the config of the call: without `stream_proposals`, no token of it is told to anyone."""
        slot, streams = self._slot, self._run.stream_proposals
        tags = [f"moa:layer:{slot.layer}", f"moa:proposer:{slot.name}", *([] if streams else [TAG_NOSTREAM])]
        named = model_config(config, self._run.mixture, slot.name, layer=slot.layer, role="proposer", tags=tags)
        if not streams:
            return without_tokens(named)
        clock = FirstToken(lambda: self._tell("first_token", config))
        options = options_for(self._run.mixture)
        heard = with_tokens(named, options.listeners) if options else named
        return merged(heard, {"callbacks": [clock], "metadata": dict(options.place) if options else {}})

    def _request(self, conversation: Sequence[BaseMessage], references: Sequence[str]) -> list[BaseMessage]:
        request = self._run.compose(conversation, references, self._run.mixture.merger.prompt)
        return mark_draw(request, self._slot.draw)

    def _left_out(self, state: MoAState) -> Proposal | None:
        """Return what is written for a slot of the first layer that the budget does not allow for."""
        account = self._run.account(state) if self._slot.layer == 1 else None
        decision = account and account.opening
        if not decision or self._slot.node not in decision["dropped_slots"]:
            return None
        message = (
            f"not asked: the plan takes up to {decision['needed']:g}, {decision['limit']} is {decision['allowed']:g}"
        )
        why = LeftOut(
            kind=BUDGET_EXCEEDED,
            message=message,
            limit=decision["limit"],
            allowed=decision["allowed"],
            needed=decision["needed"],
        )
        return skipped(self._place, self._caller.label, why)

    def _latch(self, earlier: Mapping[str, LayerRecord]) -> AbstractContextManager[Latch]:
        """Return what this run of the layer shares, for as long as this slot needs it."""
        return layer_latch(self._run, self._layer, self._slot.layer, earlier)

    async def _unread(self, conversation: Sequence[BaseMessage]) -> list[tuple[Kind, ...]]:
        """Return the kinds of input in a conversation that a model does not take: of the slot's own, its fallbacks."""
        kinds, inputs = kinds_of(conversation), self._slot.proposer.inputs
        if inputs is not None or not set(kinds) - {"text"}:
            return [not_taken(kinds, inputs, {})]
        return [not_taken(kinds, inputs, profile) for profile in await self._caller.profiles()]

    def _unsupported(self, kinds: Sequence[Kind]) -> Proposal:
        message = (
            f"{self._slot.node}: {self._caller.label} takes no {' and no '.join(kinds)}, which the conversation holds. "
            "Name another model, or show it less by Proposer.view; if the model takes it, say so in Proposer.inputs"
        )
        logger.warning("%s: skipped. %s", self._run.mixture.name, message)
        return skipped(self._place, self._caller.label, Failure(kind="UnsupportedInput", message=message))

    def _skipped(self, error: ContextWindowError) -> Proposal:
        if self._on_overflow == "raise":
            raise error
        logger.warning("%s: skipped. %s", self._run.mixture.name, error)
        return skipped(self._place, self._caller.label, Failure(kind=type(error).__name__, message=str(error)))
