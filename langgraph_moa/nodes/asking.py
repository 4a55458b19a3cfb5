"""What an aggregator is asked, and the requests to its models that come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.constants import TAG_NOSTREAM

from langgraph_moa.attempts import Terms
from langgraph_moa.calling import Outcome, SeatCaller
from langgraph_moa.configs import merged
from langgraph_moa.errors import ContextWindowError
from langgraph_moa.histories import split_turn
from langgraph_moa.listeners import without_tokens
from langgraph_moa.mixture import Aggregator
from langgraph_moa.models import has_tools, is_chat_model
from langgraph_moa.nodes.run import Run
from langgraph_moa.prompts import instructions_for
from langgraph_moa.proposal import Failure, Place, is_usable, one_after_the_other, skipped
from langgraph_moa.schemas import AnswerSchema
from langgraph_moa.strategies import Ask, Source

DEFAULT_SECONDS = 600.0
"""What `Aggregator.timeout=None` means."""


class Asking(NamedTuple):
    """What an aggregator is asked, and how."""

    conversation: Sequence[BaseMessage]
    """What the user wants."""
    sources: Sequence[Source]
    """The references, in the order in which they are shown."""
    config: RunnableConfig
    """Of the node, named for this call."""
    goes_on: bool = False
    """Whether the references were shown before in this turn of the user: then they stand where they stood."""
    told: Mapping[str, Any] = MappingProxyType({})
    """What an earlier call of the turn has said of the proposers."""
    listening: Sequence[BaseCallbackHandler] = ()
    """Handlers for the call that gives the answer."""
    arguments: Mapping[str, Any] = MappingProxyType({})
    """For the call that gives the answer, such as `tools`."""
    is_shown: Callable[[], bool] = lambda: False
    """Says whether somebody has seen the beginning of the answer."""
    schema: AnswerSchema | None = None
    """Of the answer; `None`: prose."""
    seconds: float | None = None
    """That a budget leaves for it; `None`: it limits none."""

    @property
    def references(self) -> tuple[str, ...]:
        """The texts of the sources."""
        return tuple(source.text for source in self.sources)

    @property
    def quiet(self) -> RunnableConfig:
        """The config of a call that gives no answer yet: nobody hears its tokens."""
        return without_tokens(merged(self.config, {"tags": [TAG_NOSTREAM]}))

    @property
    def answering(self) -> RunnableConfig:
        """The config of the call that gives the answer."""
        return merged(self.config, {"callbacks": list(self.listening)}) if self.listening else self.config


class Asker:
    """The models of an aggregator, ready to be asked what its strategy wants to know.

    Args:
        run: The mixture that it belongs to.
        aggregator: The seat.
        place: Where it sits.
        node: Name of the graph node that asks it.
    """

    def __init__(self, run: Run, aggregator: Aggregator, place: Place, *, node: str) -> None:
        self._run = run
        self._aggregator = aggregator
        self._place = place
        self._node = node
        self._writes_answer = aggregator.decider.writes_answer
        is_last = place.layer == run.mixture.depth
        streams = is_last and self._writes_answer
        self._caller = SeatCaller(aggregator, answers_user=is_last and self._writes_answer, streams=streams)
        self.label = self._caller.label
        self.is_answer = self._caller.is_answer
        self.may_act = self._writes_answer and any(has_tools(model) for model in aggregator.models)
        """Whether its models have tools of their own, besides any that a caller gives."""
        self.can_relay = self._writes_answer and all(is_chat_model(model) for model in aggregator.models)
        """Whether the tokens of its models are those of the answer, and no others are."""

    async def ask(self, asking: Asking, ask: Ask, before: Sequence[Outcome]) -> Outcome:
        """Ask once, or once for each window of references, the synthesis so far being the first of the next window.

        Args:
            asking: Of the whole seat.
            ask: What the strategy wants to know now.
            before: What came of the requests before, which have taken time.

        Raises:
            ContextWindowError: The references are too long, and the mixture says to raise.
        """
        policy = self._run.mixture.on_overflow
        if policy == "windows" and (before or not ask.gives_answer):
            policy = "shorten"  # windows are of one request: the last one is told of a review, or of an answer so far
        instructions = self._instructions(asking, ask)
        room = self._run.room(self._aggregator, self._node, instructions)
        try:
            shown = room.fit(asking.conversation, ask.references, policy)
        except ContextWindowError as error:
            if policy == "raise":
                raise
            failure = Failure(kind=type(error).__name__, message=str(error))
            return Outcome(skipped(self._place, self.label, failure), None)
        *earlier, last = shown.windows or ((),)
        outcomes: list[Outcome] = []
        for window in (*earlier, last):
            carried = tuple(room.carry(outcome.proposal["text"]) for outcome in outcomes[-1:])
            request = self._request(asking, (*carried, *window), instructions)
            gives_answer = ask.gives_answer and len(outcomes) == len(earlier)
            terms = self._terms(asking, ask, [*before, *outcomes], gives_answer=gives_answer)
            config = asking.answering if gives_answer else asking.quiet
            outcomes.append(await self._caller.call(self._place, request, config, terms))
            if not is_usable(outcomes[-1].proposal):
                break
        return together(outcomes, shown.shortened)

    def is_cut_off(self, asking: Asking, status: str) -> bool:
        """Say whether the seconds of a budget were over, and not the seat's own."""
        own = self._aggregator.timeout or DEFAULT_SECONDS
        return status == "timeout" and asking.seconds is not None and asking.seconds < own

    def _terms(self, asking: Asking, ask: Ask, before: Sequence[Outcome], *, gives_answer: bool) -> Terms:
        own = self._aggregator.timeout or DEFAULT_SECONDS
        allowed = own if asking.seconds is None else min(own, asking.seconds)
        terms = Terms(
            max(0.0, allowed - sum(map(_seconds, before))),
            limits=self._run.limits(),
            schema=ask.schema or (asking.schema if ask.instructions is None else None),
        )
        if not gives_answer:
            return terms
        return replace(terms, arguments=asking.arguments, is_shown=asking.is_shown)

    def _instructions(self, asking: Asking, ask: Ask) -> str:
        """Return what stands before the references of a request."""
        acts = self.may_act or bool(asking.arguments.get("tools"))
        own = instructions_for(self._run.instructions(self._aggregator.prompt), has_tools=acts)
        given = own if ask.instructions is None else ask.instructions
        return given if ask.note is None else f"{given} {ask.note}"

    def _request(self, asking: Asking, references: Sequence[str], instructions: str) -> list[BaseMessage]:
        """Show references behind the conversation; in a turn that goes on, behind what the user said."""
        turn, steps = split_turn(asking.conversation) if asking.goes_on else (asking.conversation, [])
        return [*self._run.compose(turn, references, instructions), *steps]


def together(outcomes: Sequence[Outcome], shortened: int) -> Outcome:
    """Return what came of several requests as one outcome: the last, with what all of them took."""
    proposal = one_after_the_other([outcome.proposal for outcome in outcomes])
    proposal["shortened"] = shortened
    return Outcome(proposal, outcomes[-1].message, outcomes[-1].unreadable)


def _seconds(outcome: Outcome) -> float:
    return (outcome.proposal["latency"] or 0.0) + outcome.proposal["waited"]
