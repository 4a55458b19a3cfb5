"""The end of a layer."""

from __future__ import annotations

import logging
from typing import cast

from langchain_core.runnables import RunnableConfig
from langgraph.constants import TAG_NOSTREAM

from langgraph_moa.affording import continuing, is_over, seconds_left
from langgraph_moa.errors import QuorumError
from langgraph_moa.events import progress
from langgraph_moa.histories import for_advisers
from langgraph_moa.listeners import without_tokens
from langgraph_moa.mixture import Layer, Slot, model_label
from langgraph_moa.nodes.asking import Asking
from langgraph_moa.nodes.base import Node, Update, model_config
from langgraph_moa.nodes.merging import Merger
from langgraph_moa.nodes.run import Run
from langgraph_moa.proposal import Failure, Place, Proposal, is_usable, skipped
from langgraph_moa.savings import agreed_before
from langgraph_moa.state import LayerRecord, MoAState, WarmedState, all_proposals
from langgraph_moa.waves import saved_by

JOIN = "join"
logger = logging.getLogger(__name__)


class JoinNode(Node):
    """Checks the quorum, and is the only writer of what outlives the layer."""

    def __init__(self, run: Run, number: int, layer: Layer) -> None:
        super().__init__(run)
        self._number = number
        self._quorum = layer.quorum
        self._slots = layer.slots(number)
        node = f"layer_{number}_{JOIN}"
        place = Place(number, 0, JOIN)
        self._merger = None if layer.merger is None else Merger(run, layer.merger, place, node=node, layer=layer)

    async def _update(self, state: MoAState, config: RunnableConfig) -> Update:
        written = {proposal["proposer"]: proposal for proposal in state.get("proposals", ())}
        proposals = [written.get(slot.name) or _unwritten(slot) for slot in self._slots]
        earlier = state["layers"] if self._number > 1 else {}
        self._check_quorum(proposals, all_proposals(earlier))
        layers = {**earlier, str(self._number): LayerRecord(proposals=proposals, synthesis=None, substitute=None)}
        for record in cast("WarmedState", state).get("warm_ups", ()):
            layers[str(self._number)]["warm_up"] = record
        if self._merger is not None and not is_over(self._run.mixture.budget, layers):
            layers[str(self._number)] = await self._synthesized(self._merger, state, layers, config)
        self._end_early(layers)
        self._decide(state, layers)
        return {"layers": layers}

    def _end_early(self, layers: dict[str, LayerRecord]) -> None:
        """Write down what is left out because the proposals agree, so that a resumed run does the same."""
        record = layers[str(self._number)]
        saved = saved_by(self._run.mixture, self._number, record["proposals"])
        if saved is not None:
            record["saved"] = saved

    def _decide(self, state: MoAState, layers: dict[str, LayerRecord]) -> None:
        """Write down what the budget leaves out from here on, so that a resumed run does the same."""
        account = self._run.account(state)
        decision = account and continuing(account, layers)
        if not decision:
            return
        layers[str(self._number)]["budget"] = decision
        dropped = [*decision["dropped_slots"], *(f"layer {number}" for number in decision["dropped_layers"])]
        told = (self._run.mixture.name, decision["limit"], decision["allowed"], decision["needed"])
        logger.warning("%s: %s of %g, and %g needed: goes on without %s", *told, ", ".join(dropped))

    def _check_quorum(self, proposals: list[Proposal], earlier: list[Proposal]) -> None:
        asked = [proposal for proposal in proposals if agreed_before(proposal) is None]
        usable = sum(is_usable(proposal) for proposal in asked)
        policy = self._run.mixture.on_partial
        needed = len(asked) if policy == "raise" else self._quorum
        if usable < needed:
            raise QuorumError(self._number, needed, [*earlier, *proposals])
        if usable < len(asked) and policy == "warn":
            missing = ", ".join(f"{item['proposer']}: {item['status']}" for item in asked if not is_usable(item))
            counts = (self._run.mixture.name, self._number, usable, len(asked))
            logger.warning("%s: layer %d goes on with %d of %d proposals (%s)", *counts, missing)

    async def _synthesized(
        self, merger: Merger, state: MoAState, layers: dict[str, LayerRecord], config: RunnableConfig
    ) -> LayerRecord:
        await self._run.tell(progress("aggregating", self._run.mixture.name, self._number, JOIN, merger.label), config)
        record = layers[str(self._number)]
        answers = self._run.sources(record, self._number)
        named = model_config(
            config, self._run.mixture, JOIN, layer=self._number, role="aggregator", tags=[TAG_NOSTREAM]
        )
        asking = Asking(
            for_advisers(state["messages"]),
            answers,
            without_tokens(named),
            schema=self._run.schema,
            seconds=seconds_left(self._run.mixture.budget, layers),
        )
        merged = await merger.merge(asking, all_proposals(layers))
        best = merged.substitute
        if best is not None:
            merged.proposal["text"] = merged.message.text
        name = None if best is None else best["proposer"]
        merger_said = LayerRecord(
            proposals=record["proposals"], synthesis=merged.proposal, substitute=name, decision=merged.decision
        )
        return {**record, **merger_said}


def _unwritten(slot: Slot) -> Proposal:
    """Return the proposal of a slot whose node has written none, as one that a person has left out."""
    failure = Failure(kind="NoProposal", message="the node of this slot wrote no proposal")
    return skipped(Place(slot.layer, slot.index, slot.name), model_label(slot.proposer.model), failure)
