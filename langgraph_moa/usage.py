"""What calls cost: the price table, and the plan of a run that has not been made."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from langgraph_moa.proposal import Usage
from langgraph_moa.tables import read_table

PER_MILLION = 1_000_000
PACKAGED_PRICES = Path(__file__).with_name("prices.toml")


class Price(NamedTuple):
    """US dollars per million tokens."""

    input: float
    output: float
    cached_input: float | None = None
    """Of input tokens read from the provider's prompt cache; `None`: as `input`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """Prices by `"provider:model"`, as they were on one day."""

    prices: Mapping[str, Price]
    date: str
    """ISO date of the source."""
    source: str

    @classmethod
    def from_file(cls, path: str | Path) -> PriceTable:
        """Read a TOML file with `date`, `source` and a table `[models."provider:model"]` for each model.

        Raises:
            ConfigurationError: The file cannot be read or is malformed.
        """
        table = read_table(path)
        prices = {
            name: Price(row["input"], row["output"], row.get("cached_input")) for name, row in table["models"].items()
        }
        return cls(prices=prices, date=str(table["date"]), source=table["source"])

    def cost(self, model: str, usage: Usage | None) -> float | None:
        """Return US dollars for one model's tokens; `None` when the model has no price or the tokens are unknown."""
        price = self.prices.get(model)
        if price is None or usage is None or usage["input_tokens"] is None or usage["output_tokens"] is None:
            return None
        cached = usage["cached_tokens"] or 0
        cached_price = price.input if price.cached_input is None else price.cached_input
        fresh = usage["input_tokens"] - cached
        return (fresh * price.input + cached * cached_price + usage["output_tokens"] * price.output) / PER_MILLION


@functools.cache
def packaged_prices() -> PriceTable:
    """Return the table that comes with the package; its `date` says how old it is."""
    return PriceTable.from_file(PACKAGED_PRICES)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """One call that a run would make."""

    layer: int | None
    """Counted from 1; `None` for the aggregator."""
    slot: str
    model: str
    input_tokens: int | None
    """At most, estimated; `None` where a stage before has no `max_tokens`."""
    output_tokens: int | None
    """At most: the slot's `max_tokens`; `None` when it sets none."""
    cost: float | None
    """US dollars, at most; `None` when the model has no price or the tokens are unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would make and cost at most, with no call made."""

    mixture: str
    depth: int
    """Stages of model calls, the aggregator included."""
    slots: tuple[PlannedCall, ...]
    prices_date: str = field(default="")

    @property
    def calls(self) -> int:
        """Model calls, those of nested mixtures included."""
        return len(self.slots)

    @property
    def input_tokens(self) -> int | None:
        """Tokens sent at most, estimated; `None` when a slot's are unknown."""
        return add_counts(*(slot.input_tokens for slot in self.slots))

    @property
    def output_tokens(self) -> int | None:
        """Tokens received at most; `None` when a slot sets no `max_tokens`."""
        return add_counts(*(slot.output_tokens for slot in self.slots))

    @property
    def cost(self) -> float | None:
        """US dollars at most; `None` when one slot's are unknown."""
        costs = [slot.cost for slot in self.slots]
        return None if any(cost is None for cost in costs) else sum(cost for cost in costs if cost is not None)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Models without a known cost, each once."""
        return tuple(dict.fromkeys(slot.model for slot in self.slots if slot.cost is None))

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready data."""
        return {
            "mixture": self.mixture,
            "calls": self.calls,
            "depth": self.depth,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost": self.cost,
            "unpriced": list(self.unpriced),
            "prices_date": self.prices_date,
            "slots": [asdict(slot) for slot in self.slots],
        }


def planned_call(
    layer: int | None, slot: str, model: str, *, input_tokens: int | None, output_tokens: int | None, prices: PriceTable
) -> PlannedCall:
    """Put a price on a call that has not been made."""
    tokens = Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=None,
        cached_tokens=None,
        reasoning_tokens=None,
    )
    return PlannedCall(
        layer=layer,
        slot=slot,
        model=model,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost=prices.cost(model, tokens),
    )


def add_counts(*counts: int | None) -> int | None:
    """Add token counts; `None` when one of them is unknown."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
