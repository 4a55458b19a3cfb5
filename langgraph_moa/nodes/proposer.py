"""One slot of one layer."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.constants import TAG_NOSTREAM
from langgraph.runtime import get_runtime

from langgraph_moa.attempts import Terms
from langgraph_moa.calling import SeatCaller
from langgraph_moa.errors import ContextWindowError
from langgraph_moa.events import ended, progress
from langgraph_moa.mixture import Layer, Slot
from langgraph_moa.mixture.recipe import OnOverflow
from langgraph_moa.nodes.base import Node, Update, model_config
from langgraph_moa.nodes.recall import finished_before
from langgraph_moa.nodes.run import Run
from langgraph_moa.prompts import mark_draw, with_system_prompt
from langgraph_moa.proposal import Failure, Place, Proposal, is_usable, skipped
from langgraph_moa.state import MoAState, all_proposals
from langgraph_moa.waiting import Latch, LatchKey, shared_latch

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
        self._caller = SeatCaller(slot.proposer, answers_user=False)

    async def _update(self, state: MoAState, config: RunnableConfig) -> Update:
        slot = self._slot
        with shared_latch(self._latch_key(), self._layer) as latch:
            self._run.tell(progress("started", self._run.mixture.name, slot.layer, slot.name, self._caller.label))
            if latch.must_recall():
                latch.recall(await finished_before(self._run.graph, config, slot.layer))
            proposal = await self._proposal(state, config, latch)
            latch.report(slot.name, usable=is_usable(proposal))
        self._run.tell(ended(self._run.mixture.name, proposal))
        return {"proposals": [proposal]}

    async def _proposal(self, state: MoAState, config: RunnableConfig, latch: Latch) -> Proposal:
        slot = self._slot
        own = slot.proposer.system_prompt
        conversation = state["messages"] if own is None else with_system_prompt(state["messages"], own)
        try:
            shown = self._room.fit(conversation, self._run.references(state, slot.layer), self._on_overflow)
        except ContextWindowError as error:
            error.proposals = list(all_proposals(state["layers"] if slot.layer > 1 else {}))
            return self._skipped(error)
        outcome = await self._caller.call(
            self._place,
            self._request(conversation, shown.windows[0] if shown.windows else ()),
            model_config(config, slot.name, layer=slot.layer, role="proposer", tags=[TAG_NOSTREAM]),
            Terms(latch.remaining(slot.proposer.timeout), unless=latch.closed, limits=self._run.limits()),
        )
        outcome.proposal["shortened"] = shown.shortened
        return outcome.proposal

    def _request(self, conversation: Sequence[BaseMessage], references: Sequence[str]) -> list[BaseMessage]:
        request = self._run.compose(conversation, references, self._run.mixture.merger.prompt)
        return mark_draw(request, self._slot.draw)

    def _skipped(self, error: ContextWindowError) -> Proposal:
        if self._on_overflow == "raise":
            raise error
        logger.warning("%s: skipped. %s", self._run.mixture.name, error)
        return skipped(self._place, self._caller.label, Failure(kind=type(error).__name__, message=str(error)))

    def _latch_key(self) -> LatchKey:
        """Return what this layer's nodes have in common in this run: one checkpoint of one namespace."""
        info = get_runtime().execution_info
        where = (info.checkpoint_id, info.checkpoint_ns.rpartition("|")[0]) if info else ("", "")
        return (*where, str(id(self._run)), str(self._slot.layer))
