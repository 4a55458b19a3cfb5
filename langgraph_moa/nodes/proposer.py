"""One slot of one layer."""

from __future__ import annotations

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.constants import TAG_NOSTREAM
from langgraph.runtime import get_runtime

from langgraph_moa.calling import Place, SeatCaller
from langgraph_moa.events import ended, progress
from langgraph_moa.mixture import Layer, Slot
from langgraph_moa.nodes.base import Node, Update, model_config
from langgraph_moa.nodes.run import Run
from langgraph_moa.prompts import mark_draw, with_system_prompt
from langgraph_moa.proposal import is_usable
from langgraph_moa.state import MoAState
from langgraph_moa.waiting import LatchKey, shared_latch


class ProposerNode(Node):
    """Asks a slot's model. Whatever comes of it, the node writes one proposal."""

    def __init__(self, run: Run, slot: Slot, layer: Layer) -> None:
        super().__init__(run)
        self._slot = slot
        self._layer = layer
        self._caller = SeatCaller(slot.proposer, streams=False)

    async def _update(self, state: MoAState, config: RunnableConfig) -> Update:
        slot = self._slot
        with shared_latch(self._latch_key(), self._layer) as latch:
            self._run.tell(progress("started", self._run.mixture.name, slot.layer, slot.name, self._caller.label))
            outcome = await self._caller.call(
                Place(slot.layer, slot.index, slot.name),
                self._request(state),
                model_config(config, slot.name, layer=slot.layer, role="proposer", tags=[TAG_NOSTREAM]),
                seconds=latch.remaining(slot.proposer.timeout),
                unless=latch.closed,
            )
            latch.report(slot, usable=is_usable(outcome.proposal))
        self._run.tell(ended(self._run.mixture.name, outcome.proposal))
        return {"proposals": [outcome.proposal]}

    def _latch_key(self) -> LatchKey:
        """Return what this layer's nodes have in common in this run: one checkpoint of one namespace."""
        info = get_runtime().execution_info
        where = (info.checkpoint_id, info.checkpoint_ns.rpartition("|")[0]) if info else ("", "")
        return (*where, str(id(self._run)), str(self._slot.layer))

    def _request(self, state: MoAState) -> list[BaseMessage]:
        slot = self._slot
        own = slot.proposer.system_prompt
        conversation = state["messages"] if own is None else with_system_prompt(state["messages"], own)
        instructions = self._run.mixture.merger.prompt
        return mark_draw(self._run.request(conversation, state, slot.layer, instructions), slot.draw)
