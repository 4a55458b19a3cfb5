"""What the nodes of one compiled graph share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import cached_property, lru_cache, partial, reduce

from langchain_core.callbacks import adispatch_custom_event
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import get_runtime

from langgraph_moa.affording import Account
from langgraph_moa.answering import options_for
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.configs import has_listeners
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.events import CALLBACK_EVENT, ProgressEvent
from langgraph_moa.fitting import estimate_request, estimate_tools
from langgraph_moa.histories import refuse_open_calls
from langgraph_moa.limits import Limits, tighter
from langgraph_moa.mixture import Mixture
from langgraph_moa.mixture.seats import Seat
from langgraph_moa.models import secrets_of
from langgraph_moa.preflight import prepare
from langgraph_moa.prompts import bridged, order_references, with_references
from langgraph_moa.recording import is_replaying
from langgraph_moa.room import Room
from langgraph_moa.schema_prompts import DECIDE_FIELD_BY_FIELD, with_schema
from langgraph_moa.state import LayerRecord, MoAState, last_sources, usable_sources
from langgraph_moa.strategies import Source
from langgraph_moa.threads import in_thread
from langgraph_moa.usage import PriceTable, packaged_prices

running: ContextVar[tuple[Run, ...]] = ContextVar("langgraph_moa_running", default=())
"""The mixtures that are being run here, each within the one before."""

_REMEMBERED = 16
"""Conversations whose plan is kept, so that the nodes of a layer reckon it once."""


class Run:
    """The mixture behind a graph, and what all its nodes do in the same way."""

    def __init__(self, mixture: Mixture, *, stream_proposals: bool = False) -> None:
        self.mixture = mixture
        self.schema = mixture.schema
        self.stream_proposals = stream_proposals
        self.seats: list[Seat] = []
        """That the graph asks; each is added when it is drawn."""
        self.warmed_layer: int | None = None
        """Beside which the aggregator is warmed up; set when that is drawn."""
        self.gives_answer = False
        """Whether the graph asks the mixture's aggregator; set when that is drawn."""
        self.graph: MoAGraph
        """That the nodes belong to; set when it is compiled."""
        self._prepared = False
        budget = mixture.budget
        self._account = None if budget is None else lru_cache(_REMEMBERED)(partial(Account, mixture, budget))

    @cached_property
    def planned_calls(self) -> int:
        """How many calls a run makes at most, retries and fallbacks aside."""
        return sum(1 for _ in self.mixture.planned_calls(None, packaged_prices()))

    def secrets(self) -> set[str]:
        """Return the keys that the models of all seats are given or hold, also of those that no run comes to ask."""
        return {secret for seat in self.seats for secret in secrets_of(seat)}

    async def prepare(self, state: MoAState) -> None:
        """Refuse to make any call without a conversation, or while a key or a package is missing.

        Raises:
            ConfigurationError: There is no message, or the last one calls a tool whose result is missing, or what is
                asked for needs a model that writes the answer, and the strategy lets none.
            MissingKeyError: The first key that is missing; `preflight.problems` lists them all.
            MissingDependencyError: The first package that is missing.
        """
        if not state.get("messages"):
            raise ConfigurationError(
                "messages is empty: a mixture needs at least one message, such as the user's question"
            )
        refuse_open_calls(state["messages"])
        self._refuse_what_needs_a_writer()
        if not self._prepared and not is_replaying():
            await in_thread(prepare, self.mixture, self.seats)
            self._prepared = True

    def _refuse_what_needs_a_writer(self) -> None:
        options, strategy = options_for(self.mixture), self.mixture.merger.decider
        if options is None or strategy.writes_answer or options.references is not None:
            return
        why = f"with strategy {strategy.name!r}, which gives a proposal word for word"
        if options.arguments.get("tools"):
            raise ConfigurationError(f"tools cannot be called {why}: use 'synthesize', 'council' or 'sequential'")
        if options.schema is not None and options.schema != self.schema:
            raise ConfigurationError(
                f"schema {options.schema.name!r} cannot be asked for {why}, and the proposals are not in it: set "
                "Mixture.answer_schema, or use 'synthesize', 'council' or 'sequential'"
            )

    def limits(self) -> Limits:
        """Return the limits of this mixture and of those that it is nested in, the tighter of each."""
        return reduce(tighter, (run.mixture.effective_limits for run in running.get()), Limits({}))

    def prices(self) -> PriceTable:
        """Return the mixture's own prices, or those of the nearest mixture around it that has some, or the packaged."""
        tables = [run.mixture.prices for run in running.get() if run.mixture.prices is not None]
        return tables[-1] if tables else packaged_prices()

    def account(self, state: MoAState) -> Account | None:
        """Return the mixture's budget in this conversation; `None` where it has none."""
        if self._account is None:
            return None
        tokens = estimate_request(state["messages"])
        return self._account(self.prices(), tokens, aside=self._aside(), answers=self.gives_answer)

    def _aside(self) -> int:
        """Return the tokens of what the caller of a chat model gives the aggregator: tools, and a schema of its own."""
        options = options_for(self.mixture)
        if options is None:
            return 0
        asked = with_schema([], options.schema.json_schema) if options.schema and self.schema is None else ()
        return estimate_tools(options.arguments.get("tools") or ()) + estimate_request(asked)

    def room(self, seat: Seat, node: str, instructions: str | None) -> Room:
        """Return what the context window of a seat leaves for its requests."""
        return Room(
            seat, node, instructions=self.instructions(instructions), placement=self.mixture.reference_placement
        )

    def references(self, state: MoAState, layer: int) -> tuple[str, ...]:
        """Return the usable answers that a layer reads, in the order in which they are shown; the first reads none.

        Args:
            state: Of the graph; its `layers` hold the answers.
            layer: Counted from 1; that of the aggregator is one above the last.
        """
        shown = () if layer == 1 else self.sources(state["layers"][str(layer - 1)], layer - 1)
        return tuple(source.text for source in shown)

    def last_sources(self, layers: Mapping[str, LayerRecord]) -> tuple[Source, ...]:
        """Return the usable answers of the last layer that was asked, in the order in which they are shown."""
        return last_sources(layers, seed=self.mixture.shuffle_seed)

    def sources(self, record: LayerRecord, layer: int) -> tuple[Source, ...]:
        """Return the usable answers of one layer, in the order in which they are shown."""
        return order_references(usable_sources(record), layer=layer, seed=self.mixture.shuffle_seed)

    def compose(
        self, conversation: Sequence[BaseMessage], references: Sequence[str], instructions: str | None
    ) -> list[BaseMessage]:
        """Return a conversation with references, where the mixture places them."""
        placement = self.mixture.reference_placement
        conversation = bridged(conversation, before_user=bool(references) and placement == "tail")
        own = self.instructions(instructions)
        return with_references(conversation, references, instructions=own, placement=placement)

    def instructions(self, given: str | None) -> str | None:
        """Return what stands before references; `None` stands for the default of prose."""
        return given or (None if self.schema is None else DECIDE_FIELD_BY_FIELD)

    async def tell(self, event: ProgressEvent, config: RunnableConfig) -> None:
        """Write an event to the graph's `custom` stream, and let the callbacks of the node hear of it."""
        get_runtime().stream_writer(event)
        if has_listeners(config):
            await adispatch_custom_event(CALLBACK_EVENT, event, config=config)
