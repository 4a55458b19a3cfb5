"""One layer of proposers, and the places in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

from langgraph_moa import checks
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture.seats import Aggregator, Model, Proposer, as_aggregator, as_proposer, model_label
from langgraph_moa.mixture.stopping import AgreementBy, StopWhen, read_stop_when
from langgraph_moa.serialization import plain_table
from langgraph_moa.slots import Occupant, slot_names


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of one layer: a proposer, or one draw of it."""

    layer: int
    """Counted from 1."""
    index: int
    """Counted from 0, in configured order."""
    name: str
    proposer: Proposer
    draw: int
    """Which of the proposer's samples, counted from 1."""

    @property
    def node(self) -> str:
        """Name of its graph node."""
        return f"layer_{self.layer}_{self.name}"


@dataclass(frozen=True, slots=True)
class Layer:
    """Proposers that answer in parallel."""

    proposers: Sequence[Proposer | Model]
    """At least one; their order is the order of the references. A model stands for `Proposer(model)`."""
    _: KW_ONLY
    quorum: int = 1
    """Usable proposals that the layer needs, 1 to its number of slots."""
    grace: float | None = None
    """Seconds to go on waiting once the quorum is reached; `None` waits for every proposer until the deadline."""
    deadline: float = 120.0
    """Seconds for the layer, by the wall clock."""
    aggregator: Aggregator | Model | None = None
    """Synthesises this layer's answers before the next layer sees them; `None`: the next layer reads all of them."""
    stop_when: StopWhen | AgreementBy | None = None
    """Asks the slots in waves and stops when their answers agree; a word stands for `StopWhen(by=word)`. `None`: all
    are asked at once."""
    _first_slots: tuple[Slot, ...] = field(init=False, repr=False, compare=False)
    """The places, as of a first layer."""

    def __post_init__(self) -> None:
        """Check every field."""
        proposers = tuple(as_proposer(item) for item in checks.listed("Layer.proposers", self.proposers))
        if not proposers:
            msg = "Layer.proposers is empty: name at least one proposer"
            raise ConfigurationError(msg)
        object.__setattr__(self, "proposers", proposers)
        checks.whole_number("Layer.quorum", self.quorum, low=1, high=sum(proposer.samples for proposer in proposers))
        checks.number("Layer.grace", self.grace, low=0)
        checks.number("Layer.deadline", self.deadline, above=0)
        if self.deadline is None:
            msg = "Layer.deadline must be a number of seconds above 0, got None: a layer never waits without end"
            raise ConfigurationError(msg)
        if self.aggregator is not None:
            object.__setattr__(self, "aggregator", as_aggregator(self.aggregator))
            _refuse_warm_up(as_aggregator(self.aggregator))
        object.__setattr__(self, "stop_when", read_stop_when("Layer.stop_when", self.stop_when))
        object.__setattr__(self, "_first_slots", self._places())
        if self.stopping is not None:
            self.stopping.check_slots(len(self._first_slots))

    @property
    def seats(self) -> tuple[Proposer, ...]:
        """The proposers, each as a `Proposer`."""
        return tuple(as_proposer(item) for item in self.proposers)

    @property
    def merger(self) -> Aggregator | None:
        """The layer's own aggregator, as an `Aggregator`."""
        return None if self.aggregator is None else as_aggregator(self.aggregator)

    @property
    def stopping(self) -> StopWhen | None:
        """When the layer asks no more of its slots, as a `StopWhen`."""
        return read_stop_when("Layer.stop_when", self.stop_when)

    def slots(self, number: int) -> tuple[Slot, ...]:
        """Return the places of this layer when it is the layer of that number, counted from 1."""
        if number == 1:
            return self._first_slots
        return tuple(replace(slot, layer=number) for slot in self._first_slots)

    def _places(self) -> tuple[Slot, ...]:
        names = slot_names([Occupant(seat.name, model_label(seat.model), seat.samples) for seat in self.seats])
        draws = [(seat, draw) for seat in self.seats for draw in range(1, seat.samples + 1)]
        return tuple(
            Slot(1, index, name, seat, draw)
            for index, (name, (seat, draw)) in enumerate(zip(names, draws, strict=True))
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults."""
        merger, stopping = self.merger, self.stopping
        return plain_table(
            self,
            proposers=[seat.to_dict() for seat in self.seats],
            aggregator=merger.to_dict() if merger else None,
            stop_when=stopping.to_dict() if stopping else None,
        )


def _refuse_warm_up(merger: Aggregator) -> None:
    """Refuse to warm up what is asked once more in every layer, whose connection is then open."""
    if merger.warm_up is not None:
        raise ConfigurationError(
            f"Aggregator.warm_up is for the aggregator of the mixture, and Layer.aggregator has {merger.warm_up!r}: "
            "leave it out there"
        )
