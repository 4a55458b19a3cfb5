"""What calls cost: the price table, and the plan of a run that has not been made."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from langgraph_moa.checks import known_keys, listed, number, shown
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.proposal import Usage
from langgraph_moa.tables import read_table

PER_MILLION = 1_000_000
PACKAGED_PRICES = Path(__file__).with_name("prices.toml")
_RATES = ("input", "output", "cached_input", "cache_write")
_KEPT_FOR = re.compile(r"ephemeral_\w+_input_tokens")


class Price(NamedTuple):
    """US dollars per million tokens."""

    input: float
    output: float
    cached_input: float | None = None
    """Of input tokens read from the provider's prompt cache; `None`: as `input`."""
    date: str | None = None
    """ISO date of this price, where it is older than its table."""
    cache_write: float | None = None
    """Of input tokens written to the provider's prompt cache, however long it keeps them; `None`: as `input`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """Prices by `"provider:model"`, as they were on one day."""

    prices: Mapping[str, Price]
    date: str
    """ISO date of the source."""
    source: str
    free: frozenset[str] = frozenset()
    """Providers that nobody bills, such as `offline`."""

    def __post_init__(self) -> None:
        """Check every field, and keep the table as it is now."""
        if not isinstance(self.source, str):
            raise ConfigurationError(f"PriceTable.source must be text, got {shown(self.source)}. Say whose prices")
        if not _is_iso_date(self.date):
            raise ConfigurationError(f"PriceTable.date must be like '2026-01-31', got {shown(self.date)}")
        rows = known_keys("PriceTable.prices", self.prices)
        prices = {model: _price(f"PriceTable.prices: {model}", row) for model, row in rows.items()}
        object.__setattr__(self, "prices", prices)
        free = self.free if isinstance(self.free, frozenset | set) else listed("PriceTable.free", self.free)
        object.__setattr__(self, "free", frozenset(free))

    def __hash__(self) -> int:
        return hash((self.date, self.source, frozenset(self.prices)))

    @classmethod
    def from_file(cls, path: str | Path) -> PriceTable:
        """Read a TOML file with `date`, `source`, `free` (providers) and a table `[models."provider:model"]` for each.

        Raises:
            ConfigurationError: The file cannot be read or is malformed.
        """
        return cls.from_dict(read_table(path), what=str(path))

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], *, what: str = "prices") -> PriceTable:
        """Build a table from what `to_dict` gave, or from what such a file holds.

        Args:
            table: With `date`, `source`, `models` and perhaps `free`.
            what: Name of the table in errors.

        Raises:
            ConfigurationError: A key is unknown or missing, or a value is wrong.
        """
        known = known_keys(what, table, ("date", "source", "free", "models"), required=("date", "source", "models"))
        rows = known_keys(f"{what}: models", known["models"])
        prices = {model: _price(f"{what}: {model}", row) for model, row in rows.items()}
        free = frozenset(listed(f"{what}: free", known.get("free", ())))
        return cls(prices=prices, date=str(known["date"]), source=str(known["source"]), free=free)

    def to_dict(self) -> dict[str, Any]:
        """Return the table for TOML or JSON; `from_dict` gives an equal one back."""
        models = {
            model: {name: value for name, value in price._asdict().items() if value is not None}
            for model, price in self.prices.items()
        }
        return {"date": self.date, "source": self.source, "free": sorted(self.free), "models": models}

    def knows(self, model: str) -> bool:
        """Say whether the cost of a model's tokens can be told."""
        return model in self.prices or model.partition(":")[0] in self.free

    def oldest_date(self, models: Iterable[str]) -> str:
        """Return the ISO date of the oldest price among these models' prices; the table's when none has its own."""
        dates = [price.date for model in models if (price := self.prices.get(model)) and price.date]
        return min([*dates, self.date])

    def cost(self, model: str, usage: Usage | None) -> float | None:
        """Return US dollars for one model's tokens; `None` when the model has no price or the tokens are unknown."""
        if model.partition(":")[0] in self.free:
            return 0.0
        price = self.prices.get(model)
        if price is None or usage is None or usage["input_tokens"] is None or usage["output_tokens"] is None:
            return None
        read = usage["input_tokens"]
        cached = min(usage["cached_tokens"] or 0, read)
        kept = min(_written_to_cache(usage), read - cached)
        cached_price = price.input if price.cached_input is None else price.cached_input
        kept_price = price.input if price.cache_write is None else price.cache_write
        input_cost = (read - cached - kept) * price.input + cached * cached_price + kept * kept_price
        return (input_cost + usage["output_tokens"] * price.output) / PER_MILLION


def _written_to_cache(usage: Usage) -> int:
    """Return the input tokens that the provider has written to its prompt cache, told in one count or by duration."""
    details = usage.get("input_details", {})
    by_duration = sum(count for name, count in details.items() if _KEPT_FOR.fullmatch(name))
    return max(details.get("cache_creation", 0), by_duration)


def _price(what: str, row: object) -> Price:
    if isinstance(row, Price):
        row = {name: value for name, value in row._asdict().items() if value is not None}
    fields = known_keys(what, row, (*_RATES, "date", "source"), required=("input", "output"))
    for name in _RATES:
        number(f"{what}: {name}", fields.get(name), low=0)
    if fields["input"] is None or fields["output"] is None:
        raise ConfigurationError(f"{what}: input and output must be numbers. Leave out a model whose price is unknown")
    rates = {name: fields[name] for name in _RATES if name in fields}
    day = fields.get("date")
    return Price(**rates, date=None if day is None else str(day))


def _is_iso_date(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def read_prices(what: str, value: object) -> PriceTable | None:
    """Return prices as a user or a file gives them: a `PriceTable`, its table, or `None`.

    Raises:
        ConfigurationError: It is something else, or a value is wrong.
    """
    if value is None or isinstance(value, PriceTable):
        return value
    if not isinstance(value, Mapping):
        msg = f"{what} must be a PriceTable, its table, or None; got {shown(value)}. For a file: PriceTable.from_file"
        raise ConfigurationError(msg)
    return PriceTable.from_dict(value, what=what)


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
    prices_date: str
    """ISO date of the oldest price that was used."""
    extra_calls: int = 0
    """Calls at most that hedges may add to `calls`; their tokens and cost are in no other figure of the plan."""

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
    def known_cost(self) -> float | None:
        """US dollars of the calls whose cost is known, at most; `None` when none is."""
        known = [slot.cost for slot in self.slots if slot.cost is not None]
        return sum(known) if known else None

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Models without a known cost, each once."""
        return tuple(dict.fromkeys(slot.model for slot in self.slots if slot.cost is None))

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready data."""
        return {
            "mixture": self.mixture,
            "calls": self.calls,
            **({"extra_calls": self.extra_calls} if self.extra_calls else {}),
            "depth": self.depth,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost": self.cost,
            "known_cost": self.known_cost,
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
