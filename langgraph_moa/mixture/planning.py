"""The calls that a run would make, with what each reads and writes at most."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from langchain_core.messages.utils import count_tokens_approximately

from langgraph_moa.mixture.layer import Layer
from langgraph_moa.mixture.lengths import answer_length
from langgraph_moa.mixture.seats import Aggregator, Model, Proposer, Seat, model_label, nested_mixture
from langgraph_moa.prompts import AGGREGATE_AND_SYNTHESIZE
from langgraph_moa.usage import PlannedCall, PriceTable, add_counts, planned_call


class PlannedSeat(NamedTuple):
    """The calls of one seat: one, or all of the mixture that sits there."""

    layer: int | None
    """Counted from 1; `None` for the aggregator of the mixture."""
    name: str
    calls: tuple[PlannedCall, ...]


class Planner:
    """Walks through a mixture's stages.

    Args:
        tokens: Of the conversation; `None` when unknown.
        prices: For the cost of each call.
        prefix: Names of the slots that the mixture is nested in, each with a `/`.
        answer_tokens: Counted for an answer whose length nobody has bounded; `None`: unknown.
    """

    def __init__(
        self, tokens: int | None, prices: PriceTable, prefix: str = "", *, answer_tokens: int | None = None
    ) -> None:
        self._tokens = tokens
        self._prices = prices
        self._prefix = prefix
        self._answer_tokens = answer_tokens

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
            if layer.merger is not None:
                reading, answers = self._reading(answers, layer.merger), []
                yield self._seat(number, "join", layer.merger, reading, answers)
            written = answers
        yield self._seat(None, "aggregator", merger, self._reading(written, merger), [])

    def _reading(self, written: Sequence[int | None] | None, merger: Aggregator) -> int | None:
        """Return the tokens of a request: with references, and the instructions for them, from the second stage on."""
        if written is None:
            return self._tokens
        instructions = count_tokens_approximately([merger.prompt or AGGREGATE_AND_SYNTHESIZE])
        return add_counts(self._tokens, instructions, *written)

    def _seat(
        self, layer: int | None, name: str, seat: Seat, reading: int | None, written: list[int | None]
    ) -> PlannedSeat:
        """Return the calls of a seat, of its model or the dearest fallback, and note what it writes at most."""
        own = seat.system_prompt if isinstance(seat, Proposer) else None
        tokens = reading if own is None else add_counts(reading, count_tokens_approximately([own]))
        inner = nested_mixture(seat.model)
        if inner is not None:
            prefix = f"{self._prefix}{name}/"
            calls = tuple(inner.planned_calls(tokens, self._prices, prefix, answer_tokens=self._answer_tokens))
            written.append(calls[-1].output_tokens)
            return PlannedSeat(layer, name, calls)
        alternatives = [
            self._call(layer, name, model, tokens, answer_length(seat, model) or self._answer_tokens)
            for model in (seat.model, *seat.fallbacks)
            if nested_mixture(model) is None
        ]
        lengths = [call.output_tokens for call in alternatives]
        written.append(None if None in lengths else max(length for length in lengths if length is not None))
        return PlannedSeat(layer, name, (max(alternatives, key=_dearness),))

    def _call(self, layer: int | None, name: str, model: Model, tokens: int | None, output: int | None) -> PlannedCall:
        return planned_call(
            layer,
            self._prefix + name,
            model_label(model),
            input_tokens=tokens,
            output_tokens=output,
            prices=self._prices,
        )


def _dearness(call: PlannedCall) -> tuple[float, float]:
    """Rank calls by cost, then by the length of the answer; what is unknown comes last."""
    cost, output = call.cost, call.output_tokens
    return (float("inf") if cost is None else cost, float("inf") if output is None else output)
