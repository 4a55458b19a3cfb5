"""The calls that a run would make, with what each reads and writes at most."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from langchain_core.messages import HumanMessage
from langchain_core.messages.utils import count_tokens_approximately

from langgraph_moa.budget import Budget
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.fitting import DoesNotFit, estimate_request, window_shares
from langgraph_moa.mixture.layer import Layer
from langgraph_moa.mixture.lengths import answer_length, carried_length, reserved_length
from langgraph_moa.mixture.seats import Aggregator, Model, Proposer, Seat, mixture_behind, model_label
from langgraph_moa.mixture.warming import WARM_UP
from langgraph_moa.prompts import AGGREGATE_AND_SYNTHESIZE, Placement, with_references
from langgraph_moa.schema_prompts import DECIDE_FIELD_BY_FIELD, with_schema
from langgraph_moa.schemas import AnswerSchema
from langgraph_moa.usage import PlannedCall, PriceTable, add_counts, planned_call


class Manner(NamedTuple):
    """How a mixture asks its seats, as far as it changes what they read."""

    schema: AnswerSchema | None = None
    """That all answer in; `None`: prose."""
    placement: Placement = "tail"
    in_windows: bool = False
    """Whether an aggregator with a context window reads what is too long for it in several requests."""

    @property
    def told(self) -> int:
        """Tokens of what every seat is told of the schema."""
        return 0 if self.schema is None else count_tokens_approximately(with_schema([], self.schema.json_schema))

    def instructions(self, merger: Aggregator) -> str:
        """Return what stands before references."""
        return merger.prompt or (AGGREGATE_AND_SYNTHESIZE if self.schema is None else DECIDE_FIELD_BY_FIELD)

    def enclosing(self, merger: Aggregator, references: int) -> int:
        """Return the tokens of so many references without their text, the instructions included."""
        bare = [HumanMessage("")]
        instructions = self.instructions(merger)
        shown = with_references(bare, [""] * references, instructions=instructions, placement=self.placement)
        return estimate_request(shown) - estimate_request(bare)


PROSE = Manner()


class PlannedSeat(NamedTuple):
    """The calls of one seat: one, one for each window of references, or all of the mixture that sits there."""

    layer: int | None
    """Counted from 1; `None` for the aggregator of the mixture."""
    name: str
    calls: tuple[PlannedCall, ...]
    longest: tuple[PlannedCall, ...]
    """Those of one request of the seat, the longest."""
    answer: int | None
    """Tokens of what it passes on, at most: its last reply, or the longest of what it chooses from; `None`: unknown."""


class Planner:
    """Walks through a mixture's stages.

    Args:
        tokens: Of the conversation; `None` when unknown.
        prices: For the cost of each call.
        prefix: Names of the slots that the mixture is nested in, each with a `/`.
        answer_tokens: Counted for an answer whose length nobody has bounded; `None`: unknown.
        manner: How the mixture asks its seats.
        aside: Tokens that the aggregator's request takes besides, as for tools.
    """

    def __init__(
        self,
        tokens: int | None,
        prices: PriceTable,
        prefix: str = "",
        *,
        answer_tokens: int | None = None,
        manner: Manner = PROSE,
        aside: int = 0,
    ) -> None:
        self._tokens = add_counts(tokens, manner.told)
        self._prices = prices
        self._prefix = prefix
        self._answer_tokens = answer_tokens
        self._manner = manner
        self._aside = aside

    def calls(self, layers: Sequence[Layer], merger: Aggregator) -> Iterator[PlannedCall]:
        """Yield every call; each stage reads the conversation and what the stage before writes at most."""
        for seat in self.seats(layers, merger):
            yield from seat.calls

    def seats(
        self,
        layers: Sequence[Layer],
        merger: Aggregator,
        *,
        after: int = 0,
        written: Sequence[int | None] | None = None,
        without: Collection[str] = (),
    ) -> Iterator[PlannedSeat]:
        """Yield what every seat calls, stage by stage.

        Args:
            layers: All that are asked.
            merger: The aggregator.
            after: How many of the layers have been asked already.
            written: Tokens of each answer that the last of those gave; `None` if none has been asked.
            without: Nodes whose models are not asked.
        """
        for number, layer in enumerate(layers[after:], start=after + 1):
            reading, answers = self._reading(written, merger), list[int | None]()
            for slot in layer.slots(number):
                if slot.node not in without:
                    yield self._seat(number, slot.name, slot.proposer, reading, answers)
            if number == len(layers) and merger.warm_up == "prompt" and merger.models:
                yield self._warm_up(number, merger)
            if layer.merger is not None:
                read, answers = answers, []
                yield self._merging(number, "join", layer.merger, read, answers)
            written = answers
        yield self._merging(None, "aggregator", merger, written, [], aside=self._aside)

    def _warm_up(self, layer: int, merger: Aggregator) -> PlannedSeat:
        """Return the request that has the aggregator's provider read the conversation, for one token."""
        tokens = add_counts(self._tokens, self._aside)
        calls = (self._call(layer, WARM_UP, merger.models[0], tokens, 1),)
        return PlannedSeat(layer, WARM_UP, calls, calls, 1)

    def _reading(self, written: Sequence[int | None] | None, merger: Aggregator) -> int | None:
        """Return the tokens of a request: with references, and the instructions for them, from the second stage on."""
        if written is None:
            return self._tokens
        instructions = count_tokens_approximately([self._manner.instructions(merger)])
        return add_counts(self._tokens, instructions, *written)

    def _requests(self, written: Sequence[int | None] | None, merger: Aggregator) -> list[int | None]:
        """Return the tokens of each request of an aggregator: as many as its strategy makes, or one for each window."""
        whole = self._reading(written, merger)
        requests = merger.decider.requests(len(written or ()) or 1)
        if requests != 1 or not merger.decider.writes_answer:
            return [whole] * requests
        window, known = merger.context_window, [size for size in written or () if size is not None]
        if not self._manner.in_windows or window is None or whole is None or self._tokens is None or not known:
            return [whole]
        one, both, all_of_them = (self._manner.enclosing(merger, count) for count in (1, 2, len(known)))
        left = window - reserved_length(merger) - self._tokens
        if sum(known) <= left - all_of_them:
            return [whole]
        each = both - one
        carried = carried_length(merger) + each
        try:
            shares = window_shares(known, left - one + each, carried=carried, enclosing=each)
        except DoesNotFit:
            return [whole]
        shown = [self._tokens + one - each + sum(window) + each * len(window) for window in shares]
        return [shown[0], *(tokens + carried for tokens in shown[1:])]

    def _merging(
        self,
        layer: int | None,
        name: str,
        merger: Aggregator,
        read: Sequence[int | None] | None,
        written: list[int | None],
        *,
        aside: int = 0,
    ) -> PlannedSeat:
        """Return the calls of an aggregator, and note what it gives at most."""
        requests = self._requests(read, merger)
        longest_read = None if not read or None in read else max(size for size in read if size is not None)
        if not requests:
            written.append(longest_read)
            return PlannedSeat(layer, name, (), (), longest_read)
        requests[-1] = add_counts(requests[-1], aside)
        lengths: list[int | None] = []
        seats = [self._seat(layer, name, merger, tokens, lengths) for tokens in requests]
        answer = lengths[-1] if merger.decider.writes_answer else longest_read
        written.append(answer)
        longest = seats[max(range(len(seats)), key=lambda at: requests[at] or 0)]
        return PlannedSeat(layer, name, tuple(call for seat in seats for call in seat.calls), longest.calls, answer)

    def _seat(
        self, layer: int | None, name: str, seat: Seat, reading: int | None, written: list[int | None]
    ) -> PlannedSeat:
        """Return the calls of a seat, of its model or the dearest fallback, and note what it writes at most."""
        own = seat.system_prompt if isinstance(seat, Proposer) else None
        tokens = reading if own is None else add_counts(reading, count_tokens_approximately([own]))
        inner = mixture_behind(seat.models[0])
        if inner is not None:
            prefix = f"{self._prefix}{name}/"
            calls = tuple(inner.planned_calls(tokens, self._prices, prefix, answer_tokens=self._answer_tokens))
            answer = inner.planned_answer(tokens, self._prices, answer_tokens=self._answer_tokens)
            written.append(answer)
            return PlannedSeat(layer, name, calls, calls, answer)
        alternatives = [
            self._call(layer, name, model, tokens, answer_length(seat, model) or self._answer_tokens)
            for model in seat.models
            if mixture_behind(model) is None
        ]
        lengths = [call.output_tokens for call in alternatives]
        answer = None if None in lengths else max(length for length in lengths if length is not None)
        written.append(answer)
        dearest = (max(alternatives, key=_dearness),)
        return PlannedSeat(layer, name, dearest, dearest, answer)

    def _call(self, layer: int | None, name: str, model: Model, tokens: int | None, output: int | None) -> PlannedCall:
        return planned_call(
            layer,
            self._prefix + name,
            model_label(model),
            input_tokens=tokens,
            output_tokens=output,
            prices=self._prices,
        )


def most_hedges(seats: Iterable[Seat]) -> int:
    """Return the calls that hedges may add to a run at most, those of nested mixtures and of every draw included."""
    total = 0
    for seat in seats:
        inner = mixture_behind(seat.models[0]) if seat.models else None
        draws = seat.samples if isinstance(seat, Proposer) else 1
        own = 1 if isinstance(seat, Proposer) and seat.hedge is not None else 0
        total += draws * (own if inner is None else most_hedges(inner.seats))
    return total


def refuse_unbudgeted_hedges(budget: Budget | None, seats: Iterable[Seat]) -> None:
    """Refuse hedges where dollars or tokens are limited: a budget allows for what is planned, which they are not.

    Raises:
        ConfigurationError: There are both.
    """
    if budget is None or (budget.max_cost is None and budget.max_tokens is None) or not most_hedges(seats):
        return
    limit = "max_tokens" if budget.max_cost is None else "max_cost"
    msg = (
        f"Mixture.budget limits {limit}, and Proposer.hedge makes calls that no plan holds: leave out the one or the "
        "other. A budget with max_seconds alone goes with hedges"
    )
    raise ConfigurationError(msg)


def _dearness(call: PlannedCall) -> tuple[float, float]:
    """Rank calls by cost, then by the length of the answer; what is unknown comes last."""
    cost, output = call.cost, call.output_tokens
    return (float("inf") if cost is None else cost, float("inf") if output is None else output)
