"""The calls that a run would make, with what each reads and writes at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from langchain_core.messages.utils import count_tokens_approximately

from langgraph_moa.mixture.layer import Layer
from langgraph_moa.mixture.seats import Aggregator, Model, Proposer, Seat, model_label, nested_mixture
from langgraph_moa.prompts import AGGREGATE_AND_SYNTHESIZE
from langgraph_moa.usage import PlannedCall, PriceTable, add_counts, planned_call


class Planner:
    """Walks through a mixture's stages.

    Args:
        tokens: Of the conversation; `None` when unknown.
        prices: For the cost of each call.
        prefix: Names of the slots that the mixture is nested in, each with a `/`.
    """

    def __init__(self, tokens: int | None, prices: PriceTable, prefix: str) -> None:
        self._tokens = tokens
        self._prices = prices
        self._prefix = prefix

    def calls(self, layers: Sequence[Layer], merger: Aggregator) -> Iterator[PlannedCall]:
        """Yield every call; each stage reads the conversation and what the stage before writes at most."""
        written: list[int | None] | None = None
        for number, layer in enumerate(layers, start=1):
            reading = self._reading(written, merger)
            written = []
            for slot in layer.slots(number):
                yield from self._seat(number, slot.name, slot.proposer, reading, written)
            if layer.merger is not None:
                reading, written = self._reading(written, layer.merger), []
                yield from self._seat(number, "join", layer.merger, reading, written)
        yield from self._seat(None, "aggregator", merger, self._reading(written, merger), [])

    def _reading(self, written: list[int | None] | None, merger: Aggregator) -> int | None:
        """Return the tokens of a request: with references, and the instructions for them, from the second stage on."""
        if written is None:
            return self._tokens
        instructions = count_tokens_approximately([merger.prompt or AGGREGATE_AND_SYNTHESIZE])
        return add_counts(self._tokens, instructions, *written)

    def _seat(
        self, layer: int | None, name: str, seat: Seat, reading: int | None, written: list[int | None]
    ) -> Iterator[PlannedCall]:
        """Yield the calls of a seat, of its model or the dearest fallback, and note what it writes at most."""
        own = seat.system_prompt if isinstance(seat, Proposer) else None
        tokens = reading if own is None else add_counts(reading, count_tokens_approximately([own]))
        inner = nested_mixture(seat.model)
        if inner is not None:
            output: int | None = None
            for call in inner.planned_calls(tokens, self._prices, prefix=f"{self._prefix}{name}/"):
                output = call.output_tokens
                yield call
            written.append(output)
            return
        written.append(seat.max_tokens)
        yield max(
            (
                self._call(layer, name, model, tokens, seat.max_tokens)
                for model in (seat.model, *seat.fallbacks)
                if nested_mixture(model) is None
            ),
            key=lambda call: float("inf") if call.cost is None else call.cost,
        )

    def _call(self, layer: int | None, name: str, model: Model, tokens: int | None, output: int | None) -> PlannedCall:
        return planned_call(
            layer,
            self._prefix + name,
            model_label(model),
            input_tokens=tokens,
            output_tokens=output,
            prices=self._prices,
        )
