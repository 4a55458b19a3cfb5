"""The end of a mixture."""

from __future__ import annotations

from typing import Literal
from uuid import uuid4

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig

from langgraph_moa.affording import refuse_answer
from langgraph_moa.answering import AnswerOptions, options_for
from langgraph_moa.errors import ConfigurationError, QuorumError
from langgraph_moa.events import done, progress
from langgraph_moa.histories import for_actor, for_advisers
from langgraph_moa.listeners import FirstToken, Relay, without_tokens
from langgraph_moa.mixture import Aggregator
from langgraph_moa.nodes.asking import Asking
from langgraph_moa.nodes.base import Node, Update, model_config
from langgraph_moa.nodes.fields import agreement_on, carried, to_carry
from langgraph_moa.nodes.merging import Merged, Merger
from langgraph_moa.nodes.run import Run
from langgraph_moa.proposal import Place, Proposal, as_usage_metadata
from langgraph_moa.state import LayerRecord, MoAState, all_proposals, layers_of
from langgraph_moa.strategies import Source
from langgraph_moa.summary import MoASummary, continued, summarize

AGGREGATOR = "aggregator"


class AggregatorNode(Node):
    """Writes the answer, and with it every proposal of the run."""

    def __init__(self, run: Run, aggregator: Aggregator) -> None:
        super().__init__(run)
        place = Place(run.mixture.depth, 0, AGGREGATOR)
        self._merger = Merger(run, aggregator, place, node=AGGREGATOR, layer=run.mixture.layers[-1])

    async def _update(self, state: MoAState, config: RunnableConfig) -> Update:
        layers = state.get("layers") or layers_of(state.get("proposals", ()))
        clock = FirstToken(lambda: self._tell("first_token", config))
        asking = self._asking(state, config, layers, clock)
        account = self._run.account(state)
        if account is not None:
            refuse_answer(account, layers, asking.references)
        await self._tell("aggregating", config)
        finished = all_proposals(layers) or self._carried()
        merged = await self._merger.merge(asking, finished)
        summary = continued(self._summary(layers, merged, clock), asking.told)
        if merged.message.tool_calls or merged.message.invalid_tool_calls:
            summary["recipe"] = self._run.mixture.fingerprint
            summary["references"] = list(asking.references)
            if self._merger.reads_proposals:
                summary["proposed"] = to_carry(finished)
        if self._run.schema is not None:
            summary["fields"] = agreement_on(self._run.schema, merged.message, finished)
        await self._run.tell(done(self._run.mixture.name, merged.proposal), config)
        return {"messages": [_signed(merged.message, summary, state)], "proposals": all_proposals(layers)}

    def _asking(
        self, state: MoAState, config: RunnableConfig, layers: dict[str, LayerRecord], clock: FirstToken
    ) -> Asking:
        """Return what the aggregator is asked: what the layers have said, or what an earlier call of this turn had."""
        mixture = self._run.mixture
        options = options_for(mixture) or AnswerOptions()
        carried = options.references
        acts = self._merger.may_act or bool(options.arguments.get("tools"))
        schema = options.schema or self._run.schema
        is_told_whole = schema is not None  # what came as tokens may not fit, and is asked for once more
        named = model_config(config, mixture, AGGREGATOR, layer=None, role="aggregator")
        relay = options.relay if self._merger.can_relay and not is_told_whole else None
        listening: list[BaseCallbackHandler] = [clock, *([] if relay is None else [Relay(relay)])]
        return Asking(
            conversation=for_actor(state["messages"]) if acts else for_advisers(state["messages"]),
            sources=self._sources(layers) if carried is None else [Source(text, "", "") for text in carried],
            goes_on=carried is not None,
            told=options.told,
            config=without_tokens(named) if is_told_whole or options.relay is not None else named,
            listening=listening,
            arguments=options.arguments,
            schema=schema,
            is_shown=lambda: relay is not None and clock.has_come,
        )

    def _carried(self) -> list[Proposal]:
        """Return what an earlier call of this turn has kept of its proposals."""
        options = options_for(self._run.mixture)
        return [] if options is None else carried(options.proposed)

    def _sources(self, layers: dict[str, LayerRecord]) -> tuple[Source, ...]:
        """Return what the last layer has said; refuse to answer from nothing, as from proposals of an old run."""
        if not layers:
            raise ConfigurationError(
                "proposals is empty: an aggregator needs those of a run. Give them beside the conversation: "
                '{"messages": conversation, "proposals": out["proposals"]}'
            )
        answers = self._run.last_sources(layers)
        if not answers:
            raise QuorumError(max(map(int, layers)), 1, all_proposals(layers))
        return answers

    def _summary(self, layers: dict[str, LayerRecord], merged: Merged, clock: FirstToken) -> MoASummary:
        return summarize(
            self._run.mixture.name,
            layers,
            merged.proposal,
            prices=self._run.prices(),
            first_token=clock.seconds,
            substitute=merged.substitute,
            decision=merged.decision,
        )

    async def _tell(self, event: Literal["aggregating", "first_token"], config: RunnableConfig) -> None:
        told = progress(event, self._run.mixture.name, None, AGGREGATOR, self._merger.label)
        await self._run.tell(told, config)


def _signed(message: AIMessage, summary: MoASummary, state: MoAState) -> AIMessage:
    """Return the answer with the summary of the run that made it, and the tokens of all its calls."""
    update = {
        "response_metadata": {**message.response_metadata, "moa": summary},
        "usage_metadata": as_usage_metadata(summary["usage"]["total"]),
        "id": _own_id(message, state),
    }
    return message.model_copy(update=update)


def _own_id(message: AIMessage, state: MoAState) -> str | None:
    """Return the answer's id, or a fresh one where an earlier message has it: the answer would take its place."""
    taken = any(earlier.id == message.id for earlier in state["messages"])
    return str(uuid4()) if taken else message.id
