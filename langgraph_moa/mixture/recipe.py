"""The whole recipe."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Self, TypedDict, Unpack, get_args

from langchain_core.messages import BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.runnables import Runnable

from langgraph_moa import checks
from langgraph_moa.budget import Budget, read_budget
from langgraph_moa.chains import parts_of
from langgraph_moa.diagram import html
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.limits import Limit, read_limits, write_limits
from langgraph_moa.mixture.drawn import drawn
from langgraph_moa.mixture.layer import Layer, Slot
from langgraph_moa.mixture.naming import limit_names
from langgraph_moa.mixture.planning import Manner, Planner, most_hedges, refuse_unbudgeted_hedges
from langgraph_moa.mixture.reading import read_aggregator, read_layer, read_proposers
from langgraph_moa.mixture.seats import (
    Aggregator,
    Model,
    NestedModel,
    Proposer,
    Seat,
    as_aggregator,
    model_label,
    nested_mixture,
)
from langgraph_moa.mixture.stopping import AgreementBy, StopWhen
from langgraph_moa.mixture.swapping import swapped
from langgraph_moa.prompts import Placement
from langgraph_moa.schemas import AnswerSchema, SchemaLike, read_schema, write_schema
from langgraph_moa.serialization import plain_table, read_fields
from langgraph_moa.slots import check_name
from langgraph_moa.tables import read_table
from langgraph_moa.usage import Plan, PlannedCall, PriceTable, packaged_prices, read_prices

OnPartial = Literal["allow", "warn", "raise"]
OnOverflow = Literal["shorten", "windows", "raise"]
DEFAULT_NAME = "moa"


class LayerOptions(TypedDict, total=False):
    """Fields of `Layer` that `Mixture.of` gives to every layer."""

    quorum: int
    grace: float | None
    deadline: float
    stop_when: StopWhen | AgreementBy | None


class MixtureOptions(LayerOptions, total=False):
    """Those, and the fields of `Mixture` that `Mixture.of` passes on."""

    reference_placement: Placement
    shuffle_seed: int | None
    on_partial: OnPartial
    limits: Mapping[str, int | Limit]
    on_overflow: OnOverflow
    budget: Budget | None
    prices: PriceTable | None
    answer_schema: SchemaLike | None


@dataclass(frozen=True, slots=True)
class Mixture(NestedModel):
    """Layers of proposers, and the aggregator that writes the answer."""

    layers: Sequence[Layer]
    aggregator: Aggregator | Model
    """A model stands for `Aggregator(model)`."""
    _: KW_ONLY
    name: str = DEFAULT_NAME
    reference_placement: Placement = "tail"
    """Where references go: see `prompts.Placement`."""
    shuffle_seed: int | None = None
    """Shows references in an order drawn from this seed; `None`: in the configured order."""
    on_partial: OnPartial = "warn"
    """What to do when the quorum is met but a proposer gave no usable answer. `"raise"` raises `QuorumError`."""
    limits: Mapping[str, int | Limit] = field(default_factory=dict)
    """What a provider, a `provider:model` or a base URL may be asked at a time: calls in flight, or a `Limit`.

    A limit holds for the whole process: all runs, layers, nested mixtures, batch items and threads share its places.
    """
    on_overflow: OnOverflow = "shorten"
    """What to do with references that pass a seat's `context_window`: shorten each, with a mark that shows it; let an
    aggregator read them in `windows`, one after the other; or raise `ContextWindowError`."""
    budget: Budget | None = None
    """What a run may take at most; `None`: whatever it takes. Of a nested mixture, for its own calls alone."""
    prices: PriceTable | None = None
    """For the summary, the plan and the budget, in place of the table that comes with the package. A nested mixture
    without one of its own takes that of the mixture around it."""
    answer_schema: SchemaLike | None = None
    """What all answers must look like: a Pydantic class, a `TypedDict`, a dataclass or a JSON schema. Proposers and
    aggregators are asked in it, references are merged field by field, and texts are JSON; `None`: prose."""
    preset: str | None = None
    """Name of the preset that this is."""
    preset_version: int | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        layers = checks.listed("Mixture.layers", self.layers)
        if not layers or not all(isinstance(layer, Layer) for layer in layers):
            msg = f"Mixture.layers must be a list of Layer, at least one; got {checks.shown(layers)}. Or use Mixture.of"
            raise ConfigurationError(msg)
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "aggregator", as_aggregator(self.aggregator))
        check_name("Mixture.name", self.name)
        checks.choice("Mixture.reference_placement", self.reference_placement, get_args(Placement))
        checks.choice("Mixture.on_partial", self.on_partial, get_args(OnPartial))
        checks.choice("Mixture.on_overflow", self.on_overflow, get_args(OnOverflow))
        if self.shuffle_seed is not None:
            checks.whole_number("Mixture.shuffle_seed", self.shuffle_seed, low=0)
        checks.text("Mixture.preset", self.preset)
        if self.preset_version is not None:
            checks.whole_number("Mixture.preset_version", self.preset_version, low=1)
        object.__setattr__(self, "budget", read_budget("Mixture.budget", self.budget))
        refuse_unbudgeted_hedges(self.budget, self.seats)
        object.__setattr__(self, "prices", read_prices("Mixture.prices", self.prices))
        object.__setattr__(self, "answer_schema", read_schema("Mixture.answer_schema", self.answer_schema))
        _refuse_itself(self)
        object.__setattr__(self, "limits", read_limits("Mixture.limits", self.limits))
        _refuse_idle_limits(self)

    @classmethod
    def of(
        cls,
        proposers: Sequence[Proposer | Model],
        aggregator: Aggregator | Model,
        *,
        depth: int = 2,
        name: str = DEFAULT_NAME,
        **options: Unpack[MixtureOptions],
    ) -> Self:
        """Put the same proposers in every layer.

        Args:
            proposers: Of each layer, in order.
            aggregator: Writes the answer.
            depth: Stages of model calls, the aggregator included: 2 to 64.
            name: In traces and reports.
            options: `quorum`, `grace`, `deadline` and `stop_when` of every layer, and the further fields of `Mixture`.

        Raises:
            ConfigurationError: A value is wrong, or an option unknown.
        """
        given = checks.known_keys("Mixture.of", options, MixtureOptions.__annotations__)
        checks.whole_number("depth", depth, low=2, high=64)
        shared = {key: given.pop(key) for key in LayerOptions.__annotations__ if key in given}
        layer = Layer(checks.listed("proposers", proposers), **shared)
        return cls([layer] * (depth - 1), aggregator, name=name, **given)

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read a mixture from a `.toml` or `.json` file.

        Raises:
            ConfigurationError: The file is unreadable or malformed, or its recipe is wrong.
        """
        table = read_table(path)
        try:
            return cls.from_dict(table)
        except ConfigurationError as error:
            msg = f"{path}: {error}"
            raise ConfigurationError(msg) from error

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Self:
        """Build a mixture from what `to_dict` gave, or from the short form: `proposers`, `aggregator` and `depth`.

        The short form may also hold `quorum`, `grace`, `deadline` and `stop_when`, for every layer.

        Raises:
            ConfigurationError: A key is unknown or missing, or a value is wrong.
        """
        try:
            return cls._from_table(table)
        except RecursionError:
            msg = "the mixture contains itself, or others nested too deep. Name another model there"
            raise ConfigurationError(msg) from None

    @classmethod
    def _from_table(cls, table: Mapping[str, Any]) -> Self:
        if "layers" in checks.known_keys("mixture", table):
            fields = read_fields("mixture", table, cls)
            tables = checks.listed("layers", fields.pop("layers"))
            layers = [read_layer(f"layers[{index}]", layer, cls._from_table) for index, layer in enumerate(tables)]
            return cls(layers, read_aggregator("aggregator", fields.pop("aggregator"), cls._from_table), **fields)
        shared = ("depth", *LayerOptions.__annotations__)
        fields = read_fields("mixture", table, cls, also=("proposers", *shared), optional=("layers",))
        proposers = read_proposers("proposers", fields.pop("proposers", ()), cls._from_table)
        aggregator = read_aggregator("aggregator", fields.pop("aggregator"), cls._from_table)
        options = {key: fields.pop(key) for key in shared if key in fields}
        return replace(cls.of(proposers, aggregator, **options), **fields)

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as data for TOML or JSON; `from_dict` gives an equal mixture back.

        Secrets, such as an `api_key` in `model_kwargs`, are left out: set the provider's environment variable.

        Raises:
            ConfigurationError: A model is an object, which has no written form.
        """
        return plain_table(
            self,
            layers=[layer.to_dict() for layer in self.layers],
            aggregator=self.merger.to_dict(),
            limits=write_limits(self.effective_limits),
            budget=None if self.budget is None else self.budget.to_dict(),
            prices=None if self.prices is None else self.prices.to_dict(),
            answer_schema=None if self.schema is None else write_schema(self.schema),
        )

    def _repr_html_(self) -> str:
        """Draw it in a notebook."""
        return html(drawn(self))

    @property
    def depth(self) -> int:
        """Stages of model calls, the aggregator included: `len(layers) + 1`."""
        return len(self.layers) + 1

    @property
    def schema(self) -> AnswerSchema | None:
        """The answer schema, ready to read answers; `None`: they are prose."""
        return None if self.answer_schema is None else AnswerSchema.of(self.answer_schema)

    @property
    def fingerprint(self) -> str:
        """What tells this recipe from others of its name: of its slots and their models."""
        seats = [f"{slot.node}={model_label(slot.proposer.model)}" for slots in self.slots for slot in slots]
        told = repr((self.name, seats, self.merger.label, self.shuffle_seed))
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def merger(self) -> Aggregator:
        """The aggregator, as an `Aggregator`."""
        return as_aggregator(self.aggregator)

    @property
    def effective_limits(self) -> Mapping[str, Limit]:
        """The limits, each as a `Limit`."""
        return read_limits("Mixture.limits", self.limits)

    @property
    def manner(self) -> Manner:
        """How the seats are asked, as far as it changes what they read."""
        return Manner(self.schema, self.reference_placement, in_windows=self.on_overflow == "windows")

    @property
    def slots(self) -> tuple[tuple[Slot, ...], ...]:
        """Every place, layer by layer."""
        return tuple(layer.slots(number) for number, layer in enumerate(self.layers, start=1))

    def plan(self, messages: Sequence[BaseMessage] = (), *, prices: PriceTable | None = None) -> Plan:
        """Say what a run would make and cost at most, with no call made.

        Args:
            messages: The conversation, in any form that LangChain takes, whose tokens are estimated at four characters
                each. With none it counts as empty, which leaves the calls and what they write.
            prices: `None`: the mixture's own, or else the table that comes with the package. Of a seat's model and its
                plain fallbacks, the dearest counts; mixtures as fallbacks, what fails before, retries, and asking once
                more for an answer in the schema do not. An agent or a chain counts as one call.

        Raises:
            ConfigurationError: `messages` is no list, such as one text or the input of a graph.
        """
        checks.listed("messages", messages)
        table = prices or self.prices or packaged_prices()
        tokens = count_tokens_approximately(messages)
        calls = tuple(Planner(tokens, table, manner=self.manner).calls(self.layers, self.merger))
        date = table.oldest_date(call.model for call in calls)
        extra = most_hedges(self.seats)
        return Plan(mixture=self.name, depth=self.depth, slots=calls, prices_date=date, extra_calls=extra)

    def planned_calls(
        self, tokens: int | None, prices: PriceTable, prefix: str = "", *, answer_tokens: int | None = None
    ) -> Iterator[PlannedCall]:
        """Yield every call, stage by stage."""
        planner = Planner(tokens, self.prices or prices, prefix, answer_tokens=answer_tokens, manner=self.manner)
        return planner.calls(self.layers, self.merger)

    def planned_answer(self, tokens: int | None, prices: PriceTable, *, answer_tokens: int | None = None) -> int | None:
        """Return the tokens of the answer at most."""
        planner = Planner(tokens, self.prices or prices, answer_tokens=answer_tokens, manner=self.manner)
        *_, last = planner.seats(self.layers, self.merger)
        return last.answer

    @property
    def seats(self) -> tuple[Seat, ...]:
        """Every proposer and aggregator, layer by layer, the mixture's own aggregator last."""
        inner = [seat for layer in self.layers for seat in (*layer.seats, layer.merger) if seat is not None]
        return (*inner, self.merger)

    def map_seats(self, change: Callable[[Any], Any]) -> Self:
        """Return the mixture with every proposer and aggregator replaced by what `change` makes of it.

        Limits that concern none of the new models are left out, as in `swap`.
        """
        layers = [
            replace(
                layer,
                proposers=[change(seat) for seat in layer.seats],
                aggregator=None if layer.merger is None else change(layer.merger),
            )
            for layer in self.layers
        ]
        aggregator = change(self.merger)
        return replace(self, layers=layers, aggregator=aggregator, limits=_limits_for(self, layers, aggregator))

    def swap(self, models: Mapping[str, Model]) -> Self:
        """Return the mixture with other models in some seats; it is no preset any more.

        Args:
            models: New models, by a slot's name, by the model that stands there now, or `"aggregator"`. All draws of a
                proposer are swapped together. A slot that is named after its model is named after the new one.
                Fallbacks, and the seats of nested mixtures, stay as they are. A key in `model_kwargs` stays only if
                it goes to the same place: to the same provider, or to the `base_url` beside it.

        Raises:
            ConfigurationError: A key names nothing in this mixture.
        """
        used: set[str] = set()
        layers = []
        for layer, slots in zip(self.layers, self.slots, strict=True):
            places = iter(slots)
            names = [[slot.name for slot in islice(places, seat.samples)] for seat in layer.seats]
            proposers = [swapped(seat, own, models, used) for seat, own in zip(layer.seats, names, strict=True)]
            merger = None if layer.merger is None else swapped(layer.merger, (), models, used)
            layers.append(replace(layer, proposers=proposers, aggregator=merger))
        aggregator = swapped(self.merger, ("aggregator",), models, used)
        unused = sorted(set(models) - used)
        if unused:
            names_here = dict.fromkeys(slot.name for slots in self.slots for slot in slots)
            msg = f"swap: nothing is named {', '.join(map(repr, unused))}. Seats: aggregator, {', '.join(names_here)}"
            raise ConfigurationError(msg)
        limits = _limits_for(self, layers, aggregator)
        return replace(self, layers=layers, aggregator=aggregator, limits=limits, preset=None, preset_version=None)


def _refuse_itself(mixture: Mixture) -> None:
    """Refuse a mixture within itself: one that holds another of its own name, unless the name is the default."""
    for seat, model in () if mixture.name == DEFAULT_NAME else models_within(mixture):
        inner = nested_mixture(model)
        if inner is not None and inner.name == mixture.name:
            msg = f"the mixture {mixture.name!r} contains itself as {type(seat).__name__}. Name another model there"
            raise ConfigurationError(msg)


def _refuse_idle_limits(mixture: Mixture) -> None:
    """Refuse a limit that concerns none of the mixture's models, as one that is misspelt does."""
    names = _limit_names(mixture)
    idle = [key for key in mixture.limits if key not in names and "://" not in key]
    if idle:
        msg = (
            f"Mixture.limits names {', '.join(map(repr, idle))}, which concerns no model of this mixture. A chain that "
            "asks several models at once, or calls functions, falls under no limit. Allowed: a base URL, or one of "
            f"{', '.join(sorted(names)) or '(no model that can be limited is in this mixture)'}"
        )
        raise ConfigurationError(msg)


def _limit_names(mixture: Mixture) -> set[str]:
    return {name for _, model in models_within(mixture) for name in limit_names(model)}


def _limits_for(mixture: Mixture, layers: Sequence[Layer], aggregator: Aggregator) -> Mapping[str, int | Limit]:
    """Return a mixture's limits without those that concern none of its new models."""
    names = _limit_names(replace(mixture, layers=layers, aggregator=aggregator, limits={}))
    return {key: limit for key, limit in mixture.limits.items() if key in names or "://" in key}


def models_within(mixture: Mixture) -> Iterator[tuple[Seat, Model]]:
    """Yield every model with its seat, those of nested mixtures included, compiled or not, and of those in chains."""
    return models_of(mixture.seats)


def models_of(seats: Iterable[Seat]) -> Iterator[tuple[Seat, Model]]:
    """Yield every model of some seats as `models_within` does."""
    for seat in seats:
        for model in seat.models:
            yield seat, model
            for inner in mixtures_in(model):
                yield from models_within(inner)


def mixtures_in(model: Model) -> list[Mixture]:
    """Return the mixture that a model is, or those that a chain is joined of."""
    parts = parts_of(model) if isinstance(model, Runnable) else (model,)
    return [inner for part in parts if isinstance(inner := nested_mixture(part), Mixture)]
